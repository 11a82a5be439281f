"""What a zone gives: aids by class, contracts and what they pay, regulation, procedure."""

"""The zoning workshop: pages, documents and maps of a run, made to work with and to print."""

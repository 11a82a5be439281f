"""What published values say of the weights behind them, and what they cannot say."""

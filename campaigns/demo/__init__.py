"""The built-in shop: catalog, drawn pictures and shoppers, all from a seed."""

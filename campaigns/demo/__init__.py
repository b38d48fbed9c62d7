"""The built-in shop: a catalog, drawn pictures, shoppers and their days, all from one seed."""

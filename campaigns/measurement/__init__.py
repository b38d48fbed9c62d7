"""Pure statistics: sufficient statistics in, estimates out."""

"""What other systems read: a change or an article in their formats. Pure."""

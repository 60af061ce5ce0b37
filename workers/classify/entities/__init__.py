"""Who and where: countries, organisations, and who acts together."""

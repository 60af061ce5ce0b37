"""What sources answer, read: feeds, sitemaps, listing pages, and the search for feeds. Pure: bytes in, values out."""

"""From the evidence of a topic to a calibrated probability."""

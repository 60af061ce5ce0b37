"""When: the beat table as plain data. Beat only ticks; what is due lives in the store."""

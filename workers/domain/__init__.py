"""The words of the system: values named by their moment, outcomes, errors. No I/O, nothing of ours imported."""

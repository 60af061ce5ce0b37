"""The proof under faults: a generated newsroom, a schedule of faults, who does them, and what must hold afterwards."""

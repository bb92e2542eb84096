"""What the suite costs, beside bare loops and beside other libraries."""

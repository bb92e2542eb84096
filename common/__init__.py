"""The core that all papers share."""

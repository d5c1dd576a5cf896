"""The demo: one real shop, taken through the whole loop on this machine."""

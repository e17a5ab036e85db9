"""What would have happened in a past window under other rules, stock or warehouses. It only reads."""

"""Two real shops (Express + TypeORM, and plain Python), and the demo that takes one through the loop."""

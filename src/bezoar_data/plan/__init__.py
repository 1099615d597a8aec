"""What a run would ask, cost and take, without sending anything."""

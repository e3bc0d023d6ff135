"""What a detector does under nine circumstances, each a change of the data or a part of them."""

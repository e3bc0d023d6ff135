"""People in pictures: finding them, describing them, reading and writing them."""

"""People in pictures: poses, their detection and their files."""

"""A dataset's signature by an SSH key: who stands for its files, whatever was made anew."""

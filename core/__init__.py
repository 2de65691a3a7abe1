"""Reading brain CT slices with two convolutional networks: everything but the screen."""

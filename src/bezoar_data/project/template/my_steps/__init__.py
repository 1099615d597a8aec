"""Steps of this project. A pipeline names one as `my_steps.module:Class`."""

"""The sensors of a host: one file each, all of one Protocol (`sensor.Sensor`)."""

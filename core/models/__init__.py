"""The networks: their layers as data, the two frameworks that train them, and the form that is served."""

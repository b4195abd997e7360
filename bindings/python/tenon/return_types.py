"""The named tuples that ops with several results return; each is made when its op is first called."""

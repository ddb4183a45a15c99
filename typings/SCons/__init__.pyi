# SCons, which has no types of its own: what site_scons uses of its API, and no more.
__version__: str

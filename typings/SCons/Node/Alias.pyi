# Nodes that stand for others.
from SCons.Node import Node

class Alias(Node): ...

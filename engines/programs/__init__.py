"""Classes for programs that use Kinograph as a library."""

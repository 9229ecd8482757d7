"""The test cases that scripts bring along: run by their step handlers, judged, told apart."""

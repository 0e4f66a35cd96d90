
r1:
bad_requestnothing is asked
"""The journal of answers: nothing is paid twice."""

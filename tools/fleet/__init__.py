"""Fleet simulator for load tests: thousands of terminals in one process, ``python -m fleet``.

Protocol-true and light: each polls, fetches pictures, reports results, beats and uploads as seed
chapter 9 says, and keeps what was not answered. None of them has a camera, a disk or a face model.
"""

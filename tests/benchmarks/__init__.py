"""What graphnb costs, measured side by side with what one would use instead.

    python -m tests.benchmarks                      # all, and writes docs/measurements.md
    python -m tests.benchmarks --only walkthrough   # one of them, and writes nothing

`registry` lists the measurements, one module each; `timing` takes the times, `rows` are what a
measurement finds, `report` turns them into the table, and `ray_local` is the door to Ray. No Ray
cluster is started. Each measurement runs in a fresh process, so that none pays for another.
"""

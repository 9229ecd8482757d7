"""What `ratchet bench` measures, and how; docs and peers are in the project's `bench` folder.

figure      one measured value, its aim, and the arithmetic of samples
plan        how large and how often
server      the private Redis and PostgreSQL database of one bench
process     what was started: its descendants, its memory, its end
workload    the workflows, and the plugin whose handlers perform their steps
site        Ratchet over one database, with `ratchet worker` processes
raw         what the disk and the database do by themselves: the bounds
single, over_http, latency, shape, load, memory, graph, storing, firing, idle, hooking,
delivering    the rows
receiver    the server that deliveries arrive at
peer        the other systems, in an environment of their own
suite       the whole, in order
report      the table and the file of results
"""

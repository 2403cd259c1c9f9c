"""philo: `philo convert` makes its int4 folder, `philo run` is measured."""

import json
import os

from peer import Peer
from process import Failure, execute


class Philo(Peer):
    name = "philo"
    folder = "philo"
    model = "int4, groups of 128, symmetric; embedding and head int8"
    weights = "*.safetensors"
    embedding_bits = 8

    def install(self):
        if not os.access(self.options.philo, os.X_OK):
            raise Failure(f"{self.options.philo} is not there: build philo first (make build), or name it with --philo")

    def version(self):
        return execute([self.options.philo, "--version"], self.environment.log("version"), capture=True).output.split()[-1]

    def make_model(self, checkpoint, out):
        execute([self.options.philo, "convert", checkpoint, out, "--weight-format", "int4", "--group-size", "128", "--sym", "--quiet"],
                self.environment.log("model-philo"))

    def command(self, model, ids_file, new_tokens):
        return [self.options.philo, "run", model, "--ids-file", ids_file, "--max-new-tokens", str(new_tokens), "--threads",
                str(self.options.threads), "--ignore-eos", "--no-speculation", "--json"]

    def figures(self, output):
        answer = json.loads(output)
        return {"ids": answer["ids"], "ttft_ms": answer["timings"]["ttft_ms"], "tpot_ms": answer["timings"]["tpot_ms"]}

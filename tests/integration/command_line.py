#!/usr/bin/env python3
"""The command line as a user meets it: results, messages, exit codes, stops and kills.

    command_line.py CROSSLOOM SOURCE_DIR
"""
import json
import os
import pathlib
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

CROSSLOOM = pathlib.Path(sys.argv[1]).resolve()
SOURCE = pathlib.Path(sys.argv[2]).resolve()
EXPERIMENT = SOURCE / "configs/experiments/lenet_mnist_mixed_precision.toml"
CHIP = SOURCE / "configs/chips/hfox_4x2bit.toml"
SMALL = ["--set", "training.epochs=2", "--set", "training.batches_per_epoch=30",
         "--set", "training.test_images=500", "--set", "transfer.chips=2",
         "--set", "transfer.test_images=500", "--threads", "1"]


def data_dir():
    given = os.environ.get("CROSSLOOM_DATA")
    return pathlib.Path(given) if given else SOURCE.parent / "shared/data"


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        # Neither ./data nor the user's cache can be found from here, and nothing can be downloaded.
        self.environment = dict(os.environ, HOME=str(self.folder), https_proxy="http://127.0.0.1:1")
        self.environment.pop("XDG_CACHE_HOME", None)
        self.environment.pop("CROSSLOOM_DATA", None)

    def tearDown(self):
        self.temporary.cleanup()

    def crossloom(self, *arguments, **options):
        return subprocess.run([CROSSLOOM, *map(str, arguments)], cwd=self.folder, text=True,
                              capture_output=True, env=self.environment, timeout=300, **options)

    def run_small(self, out, *arguments):
        return self.crossloom("run", EXPERIMENT, *SMALL, "--offline", "--out", out, *arguments)

    def needs_mnist(self):
        if not (data_dir() / "mnist/train-images-idx3-ubyte.gz").exists():
            if os.environ.get("CI"):
                self.fail(f"no MNIST under {data_dir()}")
            self.skipTest(f"no MNIST under {data_dir()}")
        return data_dir()

    def assert_refused(self, result, *parts, code=2):
        self.assertEqual(result.returncode, code, result.stderr)
        message = result.stderr.strip().splitlines()[-1]
        self.assertTrue(message.startswith("crossloom: "), message)
        for part in parts:
            self.assertIn(part, message)

    def test_help_lists_every_command_and_parameter(self):
        text = self.crossloom("--help").stdout
        for command in ("run", "devices", "circuit", "convert", "data", "inspect", "plan", "report"):
            self.assertIn(command, text)
        text = self.crossloom("run", "--help").stdout
        for parameter in ("[device]", "i_max", "after_write", "conversion_time", "--resume"):
            self.assertIn(parameter, text)

    def test_devices_shows_parameters_with_units(self):
        self.assertIn("pcm_nandakumar2019", self.crossloom("devices").stdout)
        text = self.crossloom("devices", "bulk_switching_wu2023").stdout
        self.assertIn("g_max = 32.9 uS", text)
        self.assert_refused(self.crossloom("devices", "pcm"), "'pcm'", "pcm_nandakumar2019")

    def test_devices_fit_makes_a_chip_file_that_can_be_used(self):
        rng = random.Random(1)
        lines = ["cell,t_s,g_uS"]
        for cell in range(600):
            start = rng.uniform(5, 40)
            deviate = rng.gauss(0, 1)
            lines += [f"{cell},0,{start}"]
            lines += [f"{cell},{t},{start - 0.05 * start + (1 + i) * deviate}"
                      for i, t in enumerate((1, 10, 100))]
        (self.folder / "cells.csv").write_text("\n".join(lines))
        result = self.crossloom("devices", "fit", "cells.csv")
        self.assertEqual(result.returncode, 0, result.stderr)
        out = self.folder / "cells_fit"
        self.assertEqual(sorted(file.name for file in out.iterdir()),
                         ["device.toml", "fit.json", "report.html"])
        checks = json.loads((out / "fit.json").read_text())["laws"]["ageing"]["checks"]
        for check, sigma in zip(checks, (1, 2, 3)):
            self.assertAlmostEqual(check["mean"]["unseen_cells"] * 1e6, -0.05 * 22.5, delta=0.2 * sigma)
            self.assertAlmostEqual(check["spread"]["unseen_cells"] * 1e6, sigma, delta=0.2 * sigma)
        (out / "report.html").unlink()
        self.assertEqual(self.crossloom("report", out).returncode, 0)
        self.assertIn("Device fitted to cells.csv", (out / "report.html").read_text())
        found = json.loads(self.crossloom("inspect", "lenet5", "--json", "--chip",
                                          out / "device.toml", "--set", "array.num_rows=128").stdout)
        self.assertEqual(found["array"]["num_rows"], 128)

    def test_devices_fit_reads_what_was_before_and_after_a_bake(self):
        rng = random.Random(2)
        lines = ["cell,level,r_pre_ohm,r_post_ohm"]
        for cell in range(800):
            g = 50 * (1 + cell % 4) + rng.gauss(0, 1)
            lines += [f"{cell},{cell % 4},{1e6 / g},{1e6 / (g - 2 + rng.gauss(0, 3))}"]
        (self.folder / "bake.csv").write_text("\n".join(lines))
        self.assert_refused(self.crossloom("devices", "fit", "bake.csv"), "bake.csv", "how long", "how hot", "--value t=30min")
        result = self.crossloom("devices", "fit", "bake.csv", "--value", "t=30min", "--value", "temp=80C")
        self.assertEqual(result.returncode, 0, result.stderr)
        fit = json.loads((self.folder / "bake_fit" / "fit.json").read_text())
        check, = fit["laws"]["ageing"]["checks"]
        self.assertAlmostEqual(check["time"], 1800)
        self.assertAlmostEqual(check["temperature"], 353.15)
        self.assertAlmostEqual(check["mean"]["unseen_cells"] * 1e6, -2, delta=5 * 3 / 800**0.5)
        self.assertAlmostEqual(check["spread"]["unseen_cells"] * 1e6, 3, delta=5 * 3 / 1600**0.5)
        self.assertEqual(fit["laws"]["programming"]["cells"], 800)
        self.assertEqual(fit["device"]["temperature"], 353.15)

    def test_devices_fit_refuses_bad_tables_and_leaves_nothing(self):
        rows = "".join(f"{cell},0,10\n{cell},1,9\n" for cell in range(60))
        for contents, part in [
            ("", "no line of values"),
            ("cell,t_s,g_uS\n", "no line of values"),
            ("cell,t_s,g\n" + rows, "the column 'g' has no unit"),
            ("cell,t,g_uS\n" + rows, "the column 't' has no unit"),
            ("cell,x_s,g_uS\n" + rows, "no law"),
            ("cell,t_s,g_uS\n" + rows + "1,5,nan\n", "line 122: 'nan' under g_uS"),
            ("cell,t_s,g_uS\n" + rows + "1,5,low\n", "'low' under g_uS"),
            ("cell,t_s,g_uS\n" + rows + "1,5\n", "line 122: it has 2 values"),
            ("cell,t_s,g_uS\n1,0,10\n1,1,9\n", "1 cells"),
        ]:
            with self.subTest(part=part):
                (self.folder / "cells.csv").write_text(contents)
                self.assert_refused(self.crossloom("devices", "fit", "cells.csv"), "cells.csv", part)
        self.assert_refused(self.crossloom("devices", "fit", "absent.csv"), "absent.csv")
        self.assert_refused(self.crossloom("devices", "fit", "cells.csv", "--column", "g"), "--column g")
        self.assert_refused(self.crossloom("devices", "fit", "cells.csv", "--column", "g=x"), "'x'")
        self.assertFalse((self.folder / "cells_fit").exists())

    def test_mistakes_get_one_message_and_exit_code_2(self):
        for arguments, part in [
            (["run"], "experiment"),
            (["run", "absent.toml"], "absent.toml"),
            (["run", EXPERIMENT, "--set", "device.g_mx=1"], "g_mx"),
            (["run", EXPERIMENT, "--set", "device.g_max=3 V"], "3 V"),
            (["run", EXPERIMENT, "--set", "device.model=pcm"], "unknown name 'pcm'"),
            (["run", EXPERIMENT, "--set", "device.g_max=1 S"], "out of bounds"),
            (["run", EXPERIMENT, "--set", "adc.i_max=0"], "i_max"),
            (["run", EXPERIMENT, "--data-dir", "nowhere"], "nowhere"),
            (["report", "nowhere"], "nowhere"),
            (["data", "fetch", "mnits"], "mnits"),
            (["inspect", "absent.onnx"], "absent.onnx"),
            (["inspect", "lenet6"], "lenet6"),
            (["inspect", "lenet5", "--rows", "0"], "num_rows"),
            (["inspect", "lenet5", "--cols", "1"], "num_cols"),
            (["inspect", "lenet5", "--set", "adc.bits=4"], "--chip"),
            (["inspect", "lenet5", "--chip", CHIP, "--rows", "8"], "--rows"),
            (["inspect", "lenet5", "--chip", CHIP, "--set", "adc.bitz=4"], "bitz"),
            (["inspect", "absent.onnx", "--size", "x=3,b"], "--size"),
            (["convert", "lenet5", "--out", "lenet.onnx"], "lenet5_mnist.safetensors"),
            (["convert", "lenet5", "--out", "lenet.txt"], "lenet.txt"),
            (["fly"], "fly"),
        ]:
            with self.subTest(arguments=arguments):
                result = self.crossloom(*arguments)
                self.assert_refused(result, part)
                self.assertEqual(len(result.stderr.strip().splitlines()), 1, result.stderr)
        self.assertFalse((self.folder / "runs").exists(), "a refused run leaves nothing")

    def test_damaged_mnist_is_refused(self):
        source = self.needs_mnist() / "mnist"
        for name, damage in [("cut", lambda b: b[:len(b) // 2]),
                             ("flipped", lambda b: b[:5000] + bytes([b[5000] ^ 4]) + b[5001:])]:
            folder = self.folder / name
            folder.mkdir()
            for file in source.iterdir():
                contents = file.read_bytes()
                if file.name.startswith("train-images"):
                    contents = damage(contents)
                (folder / file.name).write_bytes(contents)
            result = self.run_small("out-" + name, "--data-dir", folder)
            self.assert_refused(result, "train-images")
        (self.folder / "cut/t10k-labels-idx1-ubyte.gz").unlink()
        self.assert_refused(self.run_small("out-missing", "--data-dir", self.folder / "cut"),
                            "t10k-labels")

    def test_offline_the_stand_in_is_said_everywhere(self):
        result = self.run_small("a")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("SYNTHETIC DIGITS", result.stderr)
        self.assertIn("NOT REAL DATA", result.stdout)
        self.assertIn("NOT REAL DATA", (self.folder / "a/report.html").read_text())
        self.assertTrue(json.loads((self.folder / "a/summary.json").read_text())["data"]["is_synthetic"])

    def test_one_seed_gives_one_summary(self):
        place = self.needs_mnist()
        for out in ("a", "b"):
            self.assertEqual(self.run_small(out, "--data-dir", place).returncode, 0)
        first, second = ((self.folder / out / "summary.json").read_bytes() for out in ("a", "b"))
        self.assertEqual(first, second)
        self.assertEqual(self.run_small("c", "--data-dir", place, "--seed", "2").returncode, 0)
        self.assertNotEqual(first, (self.folder / "c/summary.json").read_bytes())

    def test_stopped_and_killed_runs_are_resumed_to_the_same_result(self):
        place = self.needs_mnist()
        self.assertEqual(self.run_small("whole", "--data-dir", place).returncode, 0)
        for name, number, code in [("stopped", signal.SIGINT, 130), ("killed", signal.SIGKILL, -9)]:
            out = self.folder / name
            command = [CROSSLOOM, "run", EXPERIMENT, *SMALL, "--offline", "--data-dir", place, "--out", out]
            with subprocess.Popen(list(map(str, command)), cwd=self.folder, env=self.environment,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
                for line in process.stderr:  # until the first epoch is over
                    if "epoch 0" in line:
                        break
                time.sleep(0.05)
                process.send_signal(number)
                rest = process.stderr.read()
            self.assertEqual(process.returncode, code)
            if number == signal.SIGINT:
                self.assertIn("--resume", rest)
            self.assert_refused(self.run_small(name, "--data-dir", place), "--resume")
            self.assertEqual(self.run_small(name, "--data-dir", place, "--resume").returncode, 0)
            self.assertEqual((out / "summary.json").read_bytes(),
                             (self.folder / "whole/summary.json").read_bytes())

    def write_npy(self, name, shape, values):
        header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
        header = header.ljust(117) + "\n"
        (self.folder / name).write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) +
                                         header.encode() + struct.pack(f"<{len(values)}d", *values))

    def test_circuit_solve_is_the_product_on_ideal_wires_and_less_on_real_ones(self):
        self.write_npy("g.npy", "(2, 2)", [1e-5, 2e-5, 3e-5, 4e-5])
        self.write_npy("v.npy", "(2,)", [0.1, 0.2])
        command = ["circuit", "solve", "--conductances", "g.npy", "--voltages", "v.npy"]
        ideal = [float(x) for x in self.crossloom(*command).stdout.split()]
        self.assertEqual([round(x, 18) for x in ideal], [7e-6, 1e-5])
        real = [float(x) for x in self.crossloom(*command, "--r-row", "100 Ohm").stdout.split()]
        self.assertTrue(0 < real[0] < ideal[0] and 0 < real[1] < ideal[1], real)
        self.assert_refused(self.crossloom(*command, "--r-row", "-1"), "r_row")
        self.write_npy("v.npy", "(3,)", [0.1, 0.2, 0.3])
        self.assert_refused(self.crossloom(*command), "v.npy")

    def needs_weights(self, name):
        path = data_dir() / f"weights/{name}.safetensors"
        if not path.exists():
            if os.environ.get("CI"):
                self.fail(f"no weights under {data_dir()}")
            self.skipTest(f"no weights under {data_dir()}")
        return path

    def test_inspect_counts_what_a_network_needs(self):
        found = json.loads(self.crossloom("inspect", "lenet5", "--json", "--rows", "128",
                                          "--cols", "128").stdout)
        self.assertEqual(found["name"], "lenet5_mnist")
        self.assertEqual([layer["name"] for layer in found["layers"]],
                         ["conv1", "conv2", "fc1", "fc2", "fc3"])
        self.assertEqual(found["layers"][1], dict(
            found["layers"][1], kind="conv", weight=[16, 6, 5, 5], output=[16, 10, 10],
            parameters=2416, products=240000))
        self.assertEqual(found["total"]["parameters"], 61706)
        self.assertEqual(found["total"]["crossbars"],
                         sum(layer["crossbars"] for layer in found["layers"]))
        on_chip = json.loads(self.crossloom("inspect", "lenet5", "--json", "--chip", CHIP, "--set",
                                            "layers.digital=['fc3']").stdout)
        self.assertEqual(on_chip["layers"][0]["cells"], 8 * 6 * 25)
        self.assertEqual(on_chip["layers"][4]["crossbars"], 0)
        table = self.crossloom("inspect", "mobilenet_v3_small").stdout
        self.assertIn("depthwise", table)

    def test_convert_keeps_a_network_from_format_to_format(self):
        weights = self.needs_weights("resnet20_cifar10")
        steps = [("resnet20", "--weights", weights, "--out", "a.onnx"),
                 ("a.onnx", "--out", "a.safetensors"),
                 ("resnet20", "--weights", "a.safetensors", "--out", "b.onnx"),
                 ("b.onnx", "--out", "b.safetensors"),
                 ("b.onnx", "--fold", "--out", "c.onnx")]
        for step in steps:
            result = self.crossloom("convert", *step)
            self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.folder / "a.safetensors").read_bytes(),
                         (self.folder / "b.safetensors").read_bytes())
        layers = [json.loads(self.crossloom("inspect", model, "--json").stdout)["layers"]
                  for model in ("resnet20", "b.onnx", "c.onnx")]
        self.assertEqual(layers[0], layers[1])
        self.assertEqual(len(layers[2]), 20)
        whole = (self.folder / "a.onnx").read_bytes()
        (self.folder / "cut.onnx").write_bytes(whole[:len(whole) // 2])
        self.assert_refused(self.crossloom("inspect", "cut.onnx"), "cut.onnx", "cut short")

    def test_plan_leaves_a_folder_that_can_be_replayed_and_exported(self):
        self.needs_weights("lenet5_mnist")
        network = ["--model", "lenet5", "--data-dir", self.needs_mnist(), "--offline"]
        command = ["plan", *network, "--pool", "2,128,10", "--order", "QR_sorted", "--budget", "2",
                   "--energy-set", "20 pJ", "--batch", "64"]
        result = self.crossloom(*command, "--data", "mnist", "--examples", "500", "--out", "plan")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("61470 weights", result.stdout)
        self.assertIn("(exact 99", result.stdout)
        self.assertIn("report: plan/report.html", result.stdout)
        plan = self.folder / "plan/network.plan"
        self.assertEqual(plan.read_bytes()[:8], b"CRSLPLAN")
        self.assertFalse((self.folder / "plan/network.plan.part").exists())
        self.assert_refused(self.crossloom(*command, "--out", "plan"), "--resume")

        result = self.crossloom("plan", "replay", plan, *network, "--data", "mnist",
                                "--examples", "3", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        replay = json.loads(result.stdout)
        self.assertEqual((replay["differences"], replay["largest_weight_error"]), (0, 2))
        result = self.crossloom("plan", "export", plan, "--device", "hfox_neurram_wan2022",
                                "--out", "writes.csv")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len((self.folder / "writes.csv").read_text().splitlines()),
                         replay["cells_written"] + 1)
        self.assert_refused(self.crossloom("plan", "replay", plan, "--model", "mlp_mnist",
                                           *network[2:]), "another network")
        (self.folder / "cut.plan").write_bytes(plan.read_bytes()[:9999])
        self.assert_refused(self.crossloom("plan", "replay", "cut.plan", *network), "cut short")

    def test_plan_that_was_killed_goes_on_to_the_same_file(self):
        command = ["plan", "--model", "resnet20", "--draw", "laplace", "--threads", "1"]
        self.assertEqual(self.crossloom(*command, "--out", "whole").returncode, 0)
        part = self.folder / "killed/network.plan.part"
        for stop, code in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
            process = subprocess.Popen([CROSSLOOM, *command, "--out", "killed", "--resume"],
                                       cwd=self.folder, env=self.environment,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            size = part.stat().st_size if part.exists() else 0
            while process.poll() is None and not (part.exists()
                                                  and part.stat().st_size > size + 100000):
                time.sleep(0.01)
            process.send_signal(stop)
            process.communicate()
            self.assertEqual(process.returncode, code)
            self.assertFalse((self.folder / "killed/network.plan").exists())
            self.assertFalse((self.folder / "killed/plan.json").exists())
            left = part.read_bytes()
            self.assert_refused(self.crossloom(*command, "--out", "killed"), "--resume")
            self.assertEqual(part.read_bytes(), left)
        self.assertEqual(self.crossloom(*command, "--out", "killed", "--resume").returncode, 0)
        for file in ("network.plan", "plan.json"):
            self.assertEqual((self.folder / "killed" / file).read_bytes(),
                             (self.folder / "whole" / file).read_bytes())

    def test_plan_of_a_large_network_needs_less_memory_than_twice_its_file(self):
        command = ["plan", "--model", "vit_base", "--draw", "gauss", "--order", "R3", "--assignment", "rank",
                   "--threads", "2", "--out", "vit"]
        process = subprocess.Popen([CROSSLOOM, *command], cwd=self.folder, env=self.environment,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        self.assertLess(1024 * usage.ru_maxrss, 2 * (self.folder / "vit/network.plan").stat().st_size)

    def test_plan_refuses_what_does_not_fit(self):
        command = ["plan", "--model", "lenet5", "--draw", "gauss"]
        self.assert_refused(self.crossloom(*command, "--bugdet", "2"), "bugdet")
        self.assert_refused(self.crossloom(*command, "--order", "R9"), "QR_sorted")
        self.assert_refused(self.crossloom(*command, "--time-set", "3 V"), "time_set")
        self.assert_refused(self.crossloom(*command, "--pool", "2,128,6"), "num_cols")
        self.assert_refused(self.crossloom("plan"), "--model")
        result = self.crossloom("plan", "compare", *command[1:], "--schemes", "natural,R3*")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("R3 + Hungarian + budget 2", result.stdout)
        self.assert_refused(self.crossloom("plan", "compare", *command[1:], "--schemes", "best"),
                            "'best'")

    def evaluate(self, *arguments, **options):
        return self.crossloom("evaluate", "--data-dir", self.needs_mnist(), "--offline",
                              "--threads", "1", *arguments, **options)

    def test_evaluate_gives_the_published_accuracy_and_ends_with_it(self):
        result = self.evaluate("--model", "lenet5", "--data", "mnist", "--chips", "0")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout.splitlines()[-1], "accuracy 99.25 % (exact)")
        files = self.crossloom("evaluate", "--data", f"squad:{data_dir()}/squad", "--json",
                               "--predictions", data_dir() / "squad/predictions_nlnet.json")
        scores = json.loads(files.stdout)
        self.assertAlmostEqual(scores["all"]["f1"], 78.77776770381462, places=12)
        self.assertAlmostEqual(scores["no_answer"]["exact"], 82.01850294365012, places=12)

    def test_evaluate_on_chips_can_be_stopped_and_resumed_to_the_same_result(self):
        chips = ["--model", "lenet5", "--data", "mnist", "--chip", CHIP, "--chips", "2",
                 "--times", "1s,1h", "--examples", "100", "--json"]
        whole = self.evaluate(*chips, "--out", "whole")
        self.assertEqual(whole.returncode, 0, whole.stderr)
        summary = json.loads(whole.stdout)
        self.assertEqual([row["top1"]["count"] for row in summary["times"]], [2, 2])
        self.assertGreater(summary["times"][0]["top1"]["mean"], 0.9)
        self.assertEqual(len(summary["layers"]), 5)
        # A process that was killed while it wrote its second result.
        lines = (self.folder / "whole/results.jsonl").read_text().splitlines()
        (self.folder / "cut").mkdir()
        request = (self.folder / "whole/request.json").read_text()
        (self.folder / "cut/request.json").write_text(request)
        (self.folder / "cut/results.jsonl").write_text(lines[0] + "\n" + lines[1][:20])
        self.assert_refused(self.evaluate(*chips, "--out", "cut"), "--resume")
        resumed = self.evaluate(*chips, "--out", "cut", "--resume")
        self.assertEqual(json.loads(resumed.stdout), summary)
        self.assert_refused(self.evaluate(*chips, "--seed", "2", "--out", "cut", "--resume"),
                            "another request")
        for line in ("3", '{"chip": "1", "time_s": 1}', '{"chip": 1}'):
            (self.folder / "cut/results.jsonl").write_text(line + "\n")
            self.assert_refused(self.evaluate(*chips, "--out", "cut", "--resume"),
                                "is not one of a chip and a time")

    def test_evaluate_names_what_is_wrong(self):
        model = ["--model", "lenet5", "--data", "mnist"]
        self.assert_refused(self.evaluate(*model), "--chip")
        self.assert_refused(self.evaluate("--model", "lenet55", "--data", "mnist", "--chips", "0"),
                            "lenet5_mnist")
        self.assert_refused(self.evaluate("--model", "lenet5", "--data", "cifar10", "--chips", "0"))
        self.assert_refused(self.evaluate(*model, "--chip", CHIP, "--times", "3days"), "2 day")
        self.assert_refused(self.evaluate(*model, "--chip", CHIP, "--set", "adc.bitz=3"), "bitz")
        self.assert_refused(self.evaluate(*model, "--chip", CHIP, "--set",
                                          "layers.digital=['conv7']"), "conv7")
        self.assert_refused(self.evaluate(*model, "--chips", "0", "--weights", "nowhere"), "nowhere")

    def test_report_can_be_written_again(self):
        self.run_small("a")
        report = self.folder / "a/report.html"
        before = report.read_bytes()
        report.unlink()
        self.assertEqual(self.crossloom("report", "a").returncode, 0)
        self.assertEqual(report.read_bytes(), before)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)

"""Looks at the Kubernetes manifests without a cluster: puts each kustomization together in a small way, then holds names, ports, selectors
and settings against each other and against the code."""
import json
import pathlib
import re
import shutil
import subprocess
import tempfile

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent
FOLDER = HERE / "kubernetes"
# Kinds whose schemas are not Kubernetes' own.
FOREIGN = {"ScaledObject", "PodMonitor", "HTTPRoute", "Kustomization", "Component"}
# Oldest and newest schemas that everything is held against.
VERSIONS = ("1.30", "1.37")


def code(path):
    return (ROOT / path).read_text()


def seconds(path, *names):
    """Constants of the code that are spans of time, added up."""
    found = [re.search(rf"const {name}: Duration = Duration::from_secs\((\d+)\)", code(path)) for name in names]
    return sum(int(f[1]) for f in found)


SETTINGS = set(re.findall(r'"(SLUICE_[A-Z_]+)"', code("common/config/src/settings.rs"))) | {"SLUICE_CONFIG"}
CREDENTIALS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
KINDS = set(re.findall(r'= "(\w+)"', re.search(r"TaskKind \{(.*?)\n    \}", code("common/model/src/states.rs"), re.S)[1]))
METRICS = set(re.findall(r'"(sluice_[a-z_]+)"', code("common/metrics/src/lib.rs")))
PATHS = set(re.findall(r'path = "(/\w+)"', code("api/src/health.rs"))) | {"/metrics"}
API_DRAIN = seconds("api/src/http/serve.rs", "DRAIN")
# The last two: the sign that it ends, and the listener for wake-ups.
WORKER_DRAIN = (
    seconds("worker/src/consumer.rs", "LAST_CLAIM", "GRACE", "RELEASE") + seconds("worker/src/presence.rs", "PATIENCE") + 2
)
# Chunks that wait and that run, and the places that are asked for.
PLACES = [(0, 0, 0), (40, 0, 2), (1, 4, 5), (40, 4, 10), (40, 16, 34)]
CONTEXT = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def merged(below, over):
    """A strategic merge that knows no lists: they are replaced, as Kubernetes does with those that are used here."""
    if not isinstance(below, dict) or not isinstance(over, dict):
        return over
    both = {**below, **{k: merged(below.get(k), v) for k, v in over.items()}}
    return {k: v for k, v in both.items() if v is not None}


def change(document, steps):
    """A JSON patch of `remove` and `replace`."""
    for step in steps:
        *way, last = [int(p) if p.isdigit() else p for p in step["path"].strip("/").split("/")]
        at = document
        for part in way:
            at = at[part]
        at[last]  # What is not there can be neither removed nor replaced.
        if step["op"] == "remove":
            del at[last]
        elif step["op"] == "replace":
            at[last] = step["value"]
        else:
            raise KeyError(step["op"])


def fits(selector, labels):
    """Whether a label selector matches."""
    if any(labels.get(k) != v for k, v in selector.get("matchLabels", {}).items()):
        return False
    for e in selector.get("matchExpressions", []):
        if e["operator"] != "In" or labels.get(e["key"]) not in e["values"]:
            return False
    return True


class Lint:
    def __init__(self, yaml, planted=None):
        self.yaml, self.planted, self.faults, self.used = yaml, planted or {}, [], set()
        self.loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    def fault(self, where, what):
        self.faults.append(f"kubernetes: {where}: {what}")

    def text(self, path):
        path = path.resolve()
        self.used.add(path)
        name = str(path.relative_to(FOLDER.resolve()))
        text = path.read_text()
        if name in self.planted:
            old, new = self.planted[name]
            assert old in text, (name, old)
            text = text.replace(old, new)
        return text

    def load(self, path):
        return [d for d in self.yaml.load_all(self.text(path), self.loader) if d]

    def generated(self, folder, entry):
        pairs = list(entry.get("literals", []))
        for name in entry.get("envs", []):
            if not (folder / name).exists():
                self.fault(folder.name, f"{name} is missing")
                continue
            pairs += [l for l in self.text(folder / name).splitlines() if l.strip() and not l.startswith("#")]
        return dict(p.split("=", 1) for p in pairs)

    def build(self, folder, documents=None):
        """What a kustomization makes of its files, and of what is below a component."""
        documents = [] if documents is None else documents
        (top,) = self.load(folder / "kustomization.yaml")
        known = {"apiVersion", "kind", "namespace", "resources", "components", "images", "configMapGenerator", "secretGenerator", "patches"}
        for key in top.keys() - known:
            self.fault(folder.name, f"{key} is nothing that is looked at here")
        for name in top.get("resources", []):
            path = folder / name
            if path.is_dir():
                documents += self.build(path)
            elif path.exists():
                documents += self.load(path)
            else:
                self.fault(folder.name, f"{name} is missing")
        for kind, generator in (("ConfigMap", "configMapGenerator"), ("Secret", "secretGenerator")):
            for entry in top.get(generator, []):
                data = self.generated(folder, entry)
                there = [d for d in documents if (d["kind"], d["metadata"]["name"]) == (kind, entry["name"])]
                if entry.get("behavior") == "merge":
                    if not there:
                        self.fault(folder.name, f"there is no {kind} {entry['name']} to merge with")
                    for d in there:
                        d["data"] = {**d["data"], **data}
                else:
                    documents.append({"apiVersion": "v1", "kind": kind, "metadata": {"name": entry["name"]},
                                      ("data" if kind == "ConfigMap" else "stringData"): data})
        for name in top.get("components", []):
            if (folder / name / "kustomization.yaml").exists():
                self.build(folder / name, documents)
            else:
                self.fault(folder.name, f"{name} is missing")
        for patch in top.get("patches", []):
            self.patch(folder, patch, documents)
        for image in top.get("images", []):
            hit = [c for d in documents if d["kind"] == "Deployment" for c in d["spec"]["template"]["spec"]["containers"]
                   if c["image"] == image["name"]]
            if not hit:
                self.fault(folder.name, f"no container has the image {image['name']}")
            for c in hit:
                c["image"] = f"{image.get('newName', image['name'])}:{image['newTag']}"
        for d in documents:
            if "namespace" in top and d["kind"] != "Namespace":
                d["metadata"]["namespace"] = top["namespace"]
        return documents

    def patch(self, folder, patch, documents):
        steps = self.load(folder / patch["path"]) if "path" in patch else [self.yaml.load(patch["patch"], self.loader)]
        for step in steps:
            target = patch.get("target") or {"kind": step["kind"], "name": step["metadata"]["name"]}
            label = dict(l.split("=") for l in target.get("labelSelector", "").split(",") if l)
            hit = [d for d in documents if d["kind"] == target["kind"] and target.get("name") in (None, d["metadata"]["name"])
                   and fits({"matchLabels": label}, d["metadata"].get("labels", {}))]
            if not hit:
                self.fault(folder.name, f"a patch has no target: {json.dumps(target)}")
            for d in hit:
                try:
                    if isinstance(step, list):
                        change(d, step)
                    else:
                        d.update(merged(d, step))
                except (KeyError, IndexError, TypeError) as e:
                    self.fault(folder.name, f"a patch does not fit {d['kind']} {d['metadata']['name']}: {e}")

    # What of the whole is looked at. `complete`: with what belongs to one installation.

    def check(self, where, documents, complete):
        self.where, self.documents = where, documents
        names = [(d["kind"], d["metadata"]["name"]) for d in documents]
        for twice in {n for n in names if names.count(n) > 1}:
            self.fault(where, f"{' '.join(twice)} is there twice")
        self.pods = {d["metadata"]["name"]: d["spec"]["template"] for d in self.of("Deployment")}
        self.settings = {}
        for d in self.of("Deployment"):
            self.deployment(d, complete)
        self.classes()
        self.connections()
        self.scaling()

    def of(self, *kinds):
        return [d for d in self.documents if d["kind"] in kinds]

    def matched(self, selector):
        return [n for n, p in self.pods.items() if fits(selector, p["metadata"]["labels"])]

    def ports(self, name):
        return {p["name"]: p["containerPort"] for p in self.pods[name]["spec"]["containers"][0]["ports"]}

    def deployment(self, d, complete):
        name, spec = d["metadata"]["name"], d["spec"]
        where = f"{self.where}: {name}"
        pod = spec["template"]["spec"]
        if self.matched(spec["selector"]) != [name]:
            self.fault(where, f"its selector matches the pods of {self.matched(spec['selector']) or 'nobody'}")
        budgets = [b for b in self.of("PodDisruptionBudget") if name in self.matched(b["spec"]["selector"])]
        if len(budgets) != 1 or self.matched(budgets[0]["spec"]["selector"]) != [name]:
            self.fault(where, "has no disruption budget of its own")
        # Kubernetes names the Services of the namespace in the environment, as SLUICE_..., and the program refuses what is no setting.
        for key in ("enableServiceLinks", "automountServiceAccountToken"):
            if pod.get(key) is not False:
                self.fault(where, f"{key} is not false")
        context = pod.get("securityContext", {})
        if context.get("runAsNonRoot") is not True or context.get("seccompProfile") != {"type": "RuntimeDefault"}:
            self.fault(where, "runs as root, or without a seccomp profile")
        volumes = {v["name"] for v in pod.get("volumes", [])}
        for c in pod["containers"]:
            self.container(where, pod, c, volumes, complete)
        c = pod["containers"][0]
        ports, values = self.ports(name), self.settings[name]
        notes = spec["template"]["metadata"]["annotations"]
        if notes.get("prometheus.io/port") != str(ports.get("metrics")) or notes.get("prometheus.io/path") != "/metrics":
            self.fault(where, "its annotations name another port or path for Prometheus than it has")
        is_worker = c["image"].split(":")[0].endswith("sluice-worker")
        listens = {"SLUICE_WORKER_METRICS_LISTEN": "metrics"} if is_worker else {"SLUICE_LISTEN": "http", "SLUICE_METRICS_LISTEN": "metrics"}
        for setting, port in listens.items():
            if values.get(setting) != f"0.0.0.0:{ports.get(port)}":
                self.fault(where, f"{setting} is not the port {port}")
        stop = c.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
        needed = WORKER_DRAIN if is_worker else API_DRAIN + int(stop[1])
        if pod["terminationGracePeriodSeconds"] < needed + 5:
            self.fault(where, f"a stop may take {needed} seconds, and it is given {pod['terminationGracePeriodSeconds']}")

    def container(self, where, pod, c, volumes, complete):
        context = c.get("securityContext", {})
        for key, value in CONTEXT.items():
            if context.get(key) != value:
                self.fault(where, f"securityContext.{key} is not {json.dumps(value)}")
        image, _, tag = c["image"].partition(":")
        build = HERE / f"{image.split('/')[-1].removeprefix('sluice-')}.Dockerfile"
        if not build.exists():
            self.fault(where, f"nothing builds the image {image}")
        elif f"--uid {pod['securityContext'].get('runAsUser')} " not in build.read_text():
            self.fault(where, f"runs as another user than {build.name} has")
        if complete and tag in ("", "latest"):
            self.fault(where, "its image has no version")
        for kind in ("requests", "limits"):
            if "memory" not in c.get("resources", {}).get(kind, {}):
                self.fault(where, f"{kind} no memory")
        if "cpu" not in c["resources"]["requests"]:
            self.fault(where, "requests no processor")
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = c.get(probe, {}).get("httpGet")
            if asked and (asked["port"] not in {p["name"] for p in c["ports"]} or asked["path"] not in PATHS):
                self.fault(where, f"{probe} asks at a port or a path that is not there")
        if "livenessProbe" not in c:
            self.fault(where, "has no liveness probe")
        for mount in c.get("volumeMounts", []):
            if mount["name"] not in volumes:
                self.fault(where, f"there is no volume {mount['name']}")
        values = {}
        for source in c.get("envFrom", []):
            ((kind, ref),) = source.items()
            kind = {"configMapRef": "ConfigMap", "secretRef": "Secret"}[kind]
            found = [d for d in self.of(kind) if d["metadata"]["name"] == ref["name"]]
            if not found and (complete or kind == "ConfigMap"):
                self.fault(where, f"there is no {kind} {ref['name']}")
            for d in found:
                values.update(d.get("data") or d.get("stringData") or {})
        for e in c.get("env", []):
            ref = e.get("valueFrom", {}).get("resourceFieldRef")
            values[e["name"]] = e["value"] if ref is None else ref["resource"]
            if ref and (ref["containerName"] != c["name"] or not ref["resource"].startswith("requests.")):
                self.fault(where, f"{e['name']} is not what it requests")
        for name in values:
            if name not in SETTINGS | CREDENTIALS:
                self.fault(where, f"{name} is no setting")
        needed = {"SLUICE_DATABASE_URL", "SLUICE_STORE_URL", *CREDENTIALS}
        if image.endswith("sluice-worker"):
            needed |= {"SLUICE_WORKER_TASKS", "SLUICE_WORKER_CORES", "SLUICE_WORKER_MEMORY_BYTES", "SLUICE_FLEET_CORES"}
            if "SLUICE_SECRET" in values:
                self.fault(where, "a worker has the secret that signs")
        else:
            needed |= {"SLUICE_SECRET", "SLUICE_PUBLIC_URL"}
        for name in sorted(needed - values.keys() if complete else ()):
            self.fault(where, f"{name} is set nowhere")
        self.settings[next(n for n, p in self.pods.items() if p["spec"] is pod)] = values

    def classes(self):
        """Every kind of task is taken by one class, and work is cut for the cores that there are."""
        tasks = {n: v["SLUICE_WORKER_TASKS"].split(",") for n, v in self.settings.items() if "SLUICE_WORKER_TASKS" in v}
        taken = [kind for kinds in tasks.values() for kind in kinds]
        for kind in sorted(KINDS ^ set(taken)):
            self.fault(self.where, f"{kind} is " + ("taken by no worker" if kind in KINDS else "no kind of task"))
        for kind in sorted({k for k in taken if taken.count(k) > 1}):
            self.fault(self.where, f"{kind} is taken by two classes")
        least = {d["spec"]["scaleTargetRef"]["name"]: d["spec"]["minReplicaCount"] for d in self.of("ScaledObject")}
        for d in self.of("Deployment"):
            name = d["metadata"]["name"]
            if "chunk" in tasks.get(name, []):
                resources = d["spec"]["template"]["spec"]["containers"][0]["resources"]
                cores = int(resources["requests"]["cpu"]) * d["spec"].get("replicas", least.get(name, 1))
                if self.settings[name].get("SLUICE_FLEET_CORES") != str(cores):
                    self.fault(self.where, f"SLUICE_FLEET_CORES is not {cores}, the cores of {name}")

    def connections(self):
        """Services, routes, policies and monitors mean pods and ports that there are."""
        services = {}
        for d in self.of("Service"):
            hit = self.matched({"matchLabels": d["spec"]["selector"]})
            services[d["metadata"]["name"]] = {p["port"] for p in d["spec"]["ports"]} | {p["name"] for p in d["spec"]["ports"]}
            if len(hit) != 1 or any(p["targetPort"] not in self.ports(hit[0]) for p in d["spec"]["ports"]):
                self.fault(self.where, f"Service {d['metadata']['name']} leads to no port of one Deployment")
        backends = [(d, (b["service"]["name"], next(iter(b["service"]["port"].values())))) for d in self.of("Ingress")
                    for rule in d["spec"]["rules"] for b in [p["backend"] for p in rule["http"]["paths"]]]
        backends += [(d, (b["name"], b["port"])) for d in self.of("HTTPRoute") for rule in d["spec"]["rules"] for b in rule["backendRefs"]]
        for d, (service, port) in backends:
            if port not in services.get(service, ()):
                self.fault(self.where, f"{d['kind']} {d['metadata']['name']} leads to no port of a Service")
        for d in self.of("NetworkPolicy"):
            hit = self.matched(d["spec"]["podSelector"])
            ports = [p["port"] for rule in d["spec"].get("ingress", []) for p in rule["ports"]]
            if not hit or any(p not in self.ports(n) for p in ports for n in hit):
                self.fault(self.where, f"NetworkPolicy {d['metadata']['name']} is for no pods, or for a port that one of them has not")
        closed = [d for d in self.of("NetworkPolicy") if d["spec"]["podSelector"] == {} and sorted(d["spec"]["policyTypes"]) == ["Egress", "Ingress"]
                  and not d["spec"].get("ingress") and not d["spec"].get("egress")]
        if not closed:
            self.fault(self.where, "no policy closes everything first")
        for d in self.of("PodMonitor"):
            hit = self.matched(d["spec"]["selector"])
            if len(hit) != len(self.pods) or any(e["port"] not in self.ports(n) for e in d["spec"]["podMetricsEndpoints"] for n in hit):
                self.fault(self.where, f"PodMonitor {d['metadata']['name']} does not read every pod")

    def scaling(self):
        scaled = {}
        for d in self.of("ScaledObject", "HorizontalPodAutoscaler"):
            target, spec = d["spec"]["scaleTargetRef"]["name"], d["spec"]
            least, most = spec.get("minReplicaCount", spec.get("minReplicas")), spec.get("maxReplicaCount", spec.get("maxReplicas"))
            if target not in self.pods or target in scaled:
                self.fault(self.where, f"{d['kind']} {d['metadata']['name']} scales no Deployment, or one that is scaled already")
            if not 1 <= least < most:
                self.fault(self.where, f"{d['metadata']['name']} scales from {least} to {most}")
            scaled[target] = d
            for trigger in spec.get("triggers", []):
                query = trigger["metadata"]["query"]
                for word in re.findall(r"sluice_\w+", query):
                    if word not in METRICS:
                        self.fault(self.where, f"there is no metric {word}")
                asked = {kind for kinds in re.findall(r'kind=~"([^"]*)"', query) for kind in kinds.split("|")}
                tasks = self.settings.get(target, {}).get("SLUICE_WORKER_TASKS", "").split(",")
                # Hashes need no core, and are no reason for more cores.
                if asked != set(tasks) - {"hash"}:
                    self.fault(self.where, f"{target} is scaled by other kinds of task than it takes")
                self.queries.append(query)
        for d in self.of("Deployment"):
            if ("replicas" in d["spec"]) == (d["metadata"]["name"] in scaled):
                self.fault(self.where, f"{d['metadata']['name']}: its number is said by nobody, or by two")

    def promtool(self):
        """The queries are understood, and chunks ask for as many places as they should. Two instances say the same."""
        rules = {"groups": [{"name": "keda", "rules": [{"record": f"q{n}", "expr": q} for n, q in enumerate(self.queries)]}]}
        (query,) = {q for q in self.queries if '"chunk"' in q}
        said = lambda kind, status, tasks: [{"series": f'sluice_queue_tasks{{kind="{kind}",status="{status}",pod="{pod}"}}', "values": f"{tasks}x3"}
                                            for pod in "ab"]
        tests = [{"interval": "1m",
                  "input_series": said("chunk", "queued", queued) + said("chunk", "running", running) + said("chunk", "parked", 9)
                  + said("hash", "queued", 7),
                  "promql_expr_test": [{"expr": query, "eval_time": "2m", "exp_samples": [{"labels": "{}", "value": places}]}]}
                 for queued, running, places in PLACES]
        with tempfile.TemporaryDirectory() as folder:
            files = [pathlib.Path(folder) / name for name in ("rules.yaml", "tests.yaml")]
            files[0].write_text(json.dumps(rules))
            files[1].write_text(json.dumps({"rule_files": [str(files[0])], "tests": tests}))
            for verb, file in zip(("check", "test"), files):
                done = subprocess.run(["promtool", verb, "rules", file], capture_output=True, text=True)
                if done.returncode:
                    self.fault("keda", f"promtool: {done.stderr.strip()}")

    def schemas(self, validate, documents):
        for d in documents:
            for version in VERSIONS if d["kind"] not in FOREIGN else ():
                try:
                    validate.validate(d, version, strict=True)
                except validate.ValidationError as e:
                    self.fault(f"{d['kind']} {d['metadata']['name']}", f"Kubernetes {version}: {'.'.join(map(str, e.path))}: {e.message}")

    def run(self, validate=None, promtool=False):
        self.queries = []
        # The gateway is not in the example: it stands beside the base here.
        wholes = {"base": self.build(FOLDER / "base"), "example": self.build(FOLDER / "example"), "gateway": self.build(FOLDER / "base")}
        self.build(FOLDER / "gateway", wholes["gateway"])
        for name, documents in wholes.items():
            self.check(name, documents, name == "example")
            if validate:
                self.schemas(validate, documents)
        for path in FOLDER.rglob("*"):
            if path.is_file() and path.resolve() not in self.used:
                self.fault(path.name, "no kustomization names it")
        if promtool:
            self.promtool()
        return self.faults


# An offence in a file, and a word of the fault that it must be.
PLANTED = [
    ("base/api.yaml", "app.kubernetes.io/component: api\n  ports:", "app.kubernetes.io/component: apis\n  ports:", "Service"),
    ("base/api.yaml", "enableServiceLinks: false", "enableServiceLinks: true", "enableServiceLinks"),
    ("base/api.yaml", "terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: 30", "a stop may take"),
    ("base/api.yaml", "path: /ready", "path: /readyz", "readinessProbe"),
    ("base/api.yaml", "value: \"0.0.0.0:8080\"", "value: \"0.0.0.0:80\"", "SLUICE_LISTEN"),
    ("base/api.yaml", "runAsUser: 10001", "runAsUser: 10002", "another user"),
    ("base/worker-long.yaml", "SLUICE_WORKER_CORES", "SLUICE_CORES", "SLUICE_CORES is no setting"),
    ("base/worker-long.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "readOnlyRootFilesystem"),
    ("base/worker-long.yaml", "replicas: 2", "replicas: 3", "SLUICE_FLEET_CORES"),
    ("base/worker-short.yaml", "plan,passthrough", "passthrough", "plan is taken by no worker"),
    ("base/worker-short.yaml", "containerPort: 9091", "containerPort: 9092", "Prometheus"),
    ("base/worker-import.yaml", "  maxUnavailable: 1\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: sluice-worker",
     "  maxUnavailable: 1\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: sluice", "budget"),
    ("base/network.yaml", "values: [api, import]", "values: [web]", "sluice-web"),
    ("base/network.yaml", "podSelector: {}\n  policyTypes: [Ingress, Egress]", "podSelector: {}\n  policyTypes: [Ingress]", "closes everything"),
    ("base/kustomization.yaml", "network.yaml", "networks.yaml", "networks.yaml is missing"),
    ("keda/workers.yaml", "sluice_queue_tasks{kind=~\"chunk\"", "sluice_queue_depth{kind=~\"chunk\"", "no metric sluice_queue_depth"),
    ("keda/workers.yaml", "kind=~\"import\"", "kind=~\"imports\"", "other kinds of task"),
    ("keda/workers.yaml", "scaleTargetRef: { name: sluice-worker-long }", "scaleTargetRef: { name: sluice-worker }", "scales no Deployment"),
    ("keda/kustomization.yaml", "part-of=sluice", "part-of=slice", "no target"),
    ("podmonitor/podmonitor.yaml", "port: metrics", "port: http", "PodMonitor"),
    ("ingress/ingress.yaml", "name: sluice-api, port", "name: sluice, port", "Ingress"),
    ("gateway/route.yaml", "port: 80 }", "port: 8080 }", "HTTPRoute"),
    ("example/backends.env", "SLUICE_DATABASE_URL", "DATABASE_URL", "DATABASE_URL is no setting"),
    ("example/accounts.env", "SLUICE_SECRET=", "SLUICE_SECRET_PREVIOUS=", "SLUICE_SECRET is set nowhere"),
    ("example/kustomization.yaml", "newTag: \"0.1.0\"", "newTag: latest", "no version"),
]
# Those that a schema finds.
PLANTED_IN_SCHEMAS = [
    ("base/api.yaml", "periodSeconds: 5\n", "periodSeconds: five\n", "periodSeconds"),
    ("base/worker-long.yaml", "minReadySeconds", "minimumReadySeconds", "minimumReadySeconds"),
]


def check(thorough):
    """Faults, and what was not looked at. `thorough`: that something is missing here is a fault, and every rule must find what it is for."""
    faults, left = [], []
    try:
        import yaml
    except ImportError:
        return (["kubernetes: PyYAML is missing"] if thorough else []), ["the Kubernetes manifests (PyYAML is not installed)"]
    try:
        import kubernetes_validate as validate
    except ImportError:
        validate = None
        left.append("the schemas of Kubernetes (kubernetes-validate is not installed)")
    promtool = shutil.which("promtool") is not None
    if not promtool:
        left.append("the queries of the autoscaler (promtool is not installed)")
    faults += Lint(yaml).run(validate, promtool)
    if thorough:
        faults += [f"not looked at: {what}" for what in left]
        for plants, by in ((PLANTED, None), (PLANTED_IN_SCHEMAS, validate)):
            for name, old, new, word in plants if plants is PLANTED or validate else ():
                found = Lint(yaml, {name: (old, new)}).run(by)
                if not any(word in f for f in found):
                    faults.append(f"kubernetes: nothing finds {new!r} in {name}: {found}")
    return faults, left

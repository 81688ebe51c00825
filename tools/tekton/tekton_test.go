// Package tekton runs the Tasks of deploy/tekton, and builds of kpack, in the pods that Tekton and kpack make of them.
//
// Tekton's own code reads the files (strictly), fills in defaults and judges; its controllers fill in parameters, make TaskRuns of a
// PipelineRun and pods of TaskRuns, ask when, and collect results; its entrypoint starts the steps. kpack's own code makes the pods
// of its builds. Kubernetes' own code says which of its Pod Security Standards a pod keeps.
//
// Ours are: the API server, which is Tekton's client for tests with objects in memory; the node (node_test.go, volumes_test.go),
// which runs a pod's containers in Docker with their images, command lines, variables, users, groups, security contexts and
// volumes; the images (images_test.go), among them those of Tekton's shell and of kpack's own programs; and of a lifecycle all
// phases but detector and generator.
package tekton

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	tekton "github.com/tektoncd/pipeline/test"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/platform"
	"github.com/cnb-prelude/prelude/testhelpers/docker"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestRefused: Tekton's webhook would take deploy/tekton, and no mistake in it.
func TestRefused(t *testing.T) {
	for _, test := range []struct {
		file, change, with, want string
		into                     object
	}{
		{"prelude.yaml", "", "", "", new(v1.Task)},
		{"prelude-extend.yaml", "", "", "", new(v1.Task)},
		{"pipeline.yaml", "", "", "", new(v1.Pipeline)},
		{"prelude.yaml", "  steps:", "  stpes:", `unknown field "stpes"`, new(v1.Task)},
		{"prelude.yaml", "$(params.CNB_LOG_LEVEL)", "$(params.LOG_LEVEL)", `non-existent variable in "$(params.LOG_LEVEL)"`, new(v1.Task)},
		{"prelude.yaml", "name: results", "name: detect", "expected exactly one, got both", new(v1.Task)},
		{"pipeline.yaml", "$(tasks.detect-and-generate.results.EXTEND_RUN)", "$(tasks.detect.results.EXTEND_RUN)", "detect", new(v1.Pipeline)},
	} {
		text, err := os.ReadFile("../../deploy/tekton/" + test.file)
		check(t, err)
		err = admit(t.Context(), []byte(strings.Replace(string(text), test.change, test.with, 1)), test.into)
		if (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s with %q in the place of %q: %v, want %q", test.file, test.with, test.change, err, test.want)
		}
	}
}

// world is what the scenarios share: a daemon, a registry, and the images in both.
type world struct {
	daemon           *docker.Daemon
	registry         string
	builder, buildah image
}

// TestPods starts one Docker daemon for all pods.
func TestPods(t *testing.T) {
	docker.Need(t)
	w := &world{daemon: docker.Start(t), registry: docker.Registry(t)}
	w.makeImages(t)
	t.Run("side by side", func(t *testing.T) {
		for name, test := range map[string]func(*world, *testing.T){
			"prelude": (*world).prelude, "no extensions": (*world).noExtensions, "wrong parameters": (*world).wrongParameters,
			"named user": (*world).namedUser, "extend": (*world).extend, "kpack": (*world).kpack,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(w, t)
			})
		}
	})
}

// node is one with the claim "build", on which the directory "source" is the app: the files, or that of the examples.
func (w *world) node(t *testing.T, app map[string]string) (n *node, layers string) {
	t.Helper()
	claim := filepath.Join(t.TempDir(), "build")
	makeSource(t, filepath.Join(claim, "source"), app)
	n = &node{daemon: w.daemon, claims: map[string]string{"build": claim}, options: map[string][]string{}}
	for _, i := range []image{w.builder, w.buildah} {
		n.options[i.name] = i.options
	}
	return n, filepath.Join(claim, "layers")
}

var build = &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "build"}

// detection is a run of a Task that is the Task prelude, perhaps with changes.
func (w *world) detection(t *testing.T, n *node, task *v1.Task, more string, params map[string]string, variables ...string) *cluster {
	t.Helper()
	task.Namespace = namespace
	run := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: "run", Namespace: namespace}, Spec: v1.TaskRunSpec{
		TaskRef: &v1.TaskRef{Name: "prelude"}, PodTemplate: podTemplate(t, more),
		Params: v1.Params{{Name: "CNB_ENV_VARS", Value: v1.ParamValue{Type: v1.ParamTypeArray, ArrayVal: variables}}},
		Workspaces: []v1.WorkspaceBinding{
			{Name: "source", PersistentVolumeClaim: build, SubPath: "source"}, {Name: "layers", PersistentVolumeClaim: build, SubPath: "layers"},
		},
	}}
	for name, value := range params {
		run.Spec.Params = append(run.Spec.Params, v1.Param{Name: name, Value: *v1.NewStructuredValues(value)})
	}
	run.SetDefaults(t.Context())
	if err := run.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return newCluster(t, n, tekton.Data{Tasks: []*v1.Task{task}, TaskRuns: []*v1.TaskRun{run}})
}

func (w *world) prelude(t *testing.T) {
	n, layers := w.node(t, nil)
	task := read[v1.Task](t, "prelude.yaml")
	// A step cannot do more than it says: it writes nowhere but in its volumes, has no privileges, and is not root.
	task.Spec.Steps = append(task.Spec.Steps, v1.Step{Name: "curious", Script: `id -u; id -G; grep CapBnd /proc/self/status
grep NoNewPrivs /proc/self/status; grep Seccomp: /proc/self/status
touch "$HOME/x"; echo "$HOME"; sed -n 's|^[^ ]* / [^ ]* \(r[ow]\),.*|\1|p' /proc/self/mounts; cat /platform/env/ODD /platform/env/FILLED_IN
`})
	c := w.detection(t, n, task, "", map[string]string{
		"CNB_BUILDER_IMAGE": w.builder.name, "CNB_RUN_IMAGE": "registry.example/prelude/run:12", "SOURCE_SUBPATH": "services/thumbnails",
	}, "BP_NODE_VERSION=18.20.4", "BP_TIME_ZONE=Europe/Berlin", "ODD= spaces = and $(dollars) 'kept'\n", "FILLED_IN=$(LAYERS) $$(LAYERS)")
	run := c.runTask("run")
	c.demand("run", &run.Status, corev1.ConditionTrue)
	if said := c.logs["run"]["step-detect"] + c.logs["run"]["step-generate"]; !strings.Contains(said, "samples/node-engine") || strings.Contains(said, "os-release") {
		t.Errorf("%s", said)
	}
	for _, file := range []string{"group.toml", "plan.toml", "generated.toml"} {
		if _, err := os.Stat(filepath.Join(layers, file)); err != nil {
			t.Error(err)
		}
	}
	zone, err := os.ReadFile(filepath.Join(layers, "generated/samples_time-zone/run.Dockerfile"))
	if err != nil || !strings.Contains(string(zone), "Europe/Berlin") {
		t.Errorf("CNB_ENV_VARS did not reach an extension: %v\n%s", err, zone)
	}
	demandResults(t, run.Status.Results, map[string]string{"RUN_IMAGE": "registry.example/prelude/run-graphics:12", "EXTEND_BUILD": "true", "EXTEND_RUN": "true"})
	want := "1001\n1002 1000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n/tekton/home\nro\n" +
		" spaces = and $(dollars) 'kept'\n" + "/workspace/layers $(LAYERS)"
	if said := c.logs["run"]["step-curious"]; said != want {
		t.Errorf("%q, want %q", said, want)
	}
	demandLevel(t, c.pod(run.Status.PodName), api.LevelRestricted)
}

// demandLevel demands that a pod keeps a Pod Security Standard, by the rules of Kubernetes, and none that is stricter.
func demandLevel(t *testing.T, pod *corev1.Pod, want api.Level) {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks())
	check(t, err)
	got, why := api.LevelPrivileged, ""
	for _, level := range []api.Level{api.LevelBaseline, api.LevelRestricted} {
		result := policy.AggregateCheckResults(evaluator.EvaluatePod(api.LevelVersion{Level: level, Version: api.LatestVersion()}, &pod.ObjectMeta, &pod.Spec))
		if !result.Allowed {
			why = result.ForbiddenDetail()
			break
		}
		got = level
	}
	if got != want {
		t.Errorf("%s: %s, want %s: %s", pod.Name, got, want, why)
	}
}

func demandResults(t *testing.T, results []v1.TaskRunResult, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	for _, r := range results {
		got[r.Name] = r.Value.StringVal
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("results %v, want %v", got, want)
	}
}

// wrongParameters are refused by the step that reads them: none becomes a path or a key.
func (w *world) wrongParameters(t *testing.T) {
	n, layers := w.node(t, map[string]string{"Procfile": "web: serve"})
	task := read[v1.Task](t, "prelude.yaml")
	prepare := task.Spec.Steps[0]
	task.Spec.Steps = nil
	for i, variable := range []string{"fine=1", "novalue", "=x", "../up=1", ".hidden=1"} {
		prepare.Name, prepare.Args, prepare.OnError = "prepare-"+string(rune('0'+i)), []string{variable}, v1.Continue
		task.Spec.Steps = append(task.Spec.Steps, prepare)
	}
	c := w.detection(t, n, task, "", map[string]string{"CNB_BUILDER_IMAGE": w.builder.name, "CNB_RUN_IMAGE": "run:1\"\n[x]\ny = \"z"})
	c.runTask("run")
	for i, want := range []string{
		"run:1\"\n[x]\ny = \"z is not the name of an image\n", "CNB_ENV_VARS: novalue is not NAME=value\n", "CNB_ENV_VARS: =x is not NAME=value\n",
		"CNB_ENV_VARS: ../up=1 is not NAME=value\n", "CNB_ENV_VARS: .hidden=1 is not NAME=value\n",
	} {
		if said := c.logs["run"]["step-prepare-"+string(rune('0'+i))]; !strings.HasPrefix(said, want) {
			t.Errorf("%q, want %q", said, want)
		}
	}
	if _, err := os.Stat(filepath.Join(layers, "analyzed.toml")); err == nil {
		t.Error("analyzed.toml was written")
	}
}

// namedUser: a builder that names its user by name is refused, and runs as what pod-template.yaml says to write there.
func (w *world) namedUser(t *testing.T) {
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM "+w.builder.name+"\nUSER cnb\n"), 0o644))
	named := image{"registry.example/prelude/builder:named", w.builder.options}
	w.daemon.Run(t, "build", "-q", "-t", named.name, dir)
	for more, want := range map[string]string{"": `image has non-numeric user (cnb)`, "runAsUser: 1001\n  runAsGroup: 1002": ""} {
		n, _ := w.node(t, map[string]string{"Procfile": "web: serve"})
		n.options[named.name] = named.options
		c := w.detection(t, n, read[v1.Task](t, "prelude.yaml"), more, map[string]string{"CNB_BUILDER_IMAGE": named.name, "CNB_RUN_IMAGE": "run:1"})
		run := c.runTask("run")
		if want == "" {
			c.demand("run", &run.Status, corev1.ConditionTrue)
			continue
		}
		c.demand("run", &run.Status, corev1.ConditionFalse)
		if waiting := run.Status.Steps[0].Waiting; waiting == nil || !strings.Contains(waiting.Message, want) {
			t.Errorf("%+v", run.Status)
		}
	}
}

// pipeline is a run of the Pipeline prelude.
func (w *world) pipeline(t *testing.T, n *node) (*cluster, *v1.PipelineRun) {
	t.Helper()
	line := read[v1.Pipeline](t, "pipeline.yaml")
	tasks := []*v1.Task{read[v1.Task](t, "prelude.yaml"), read[v1.Task](t, "prelude-extend.yaml")}
	line.Namespace, tasks[0].Namespace, tasks[1].Namespace = namespace, namespace, namespace
	run := &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Name: "line", Namespace: namespace}, Spec: v1.PipelineRunSpec{
		PipelineRef:     &v1.PipelineRef{Name: "prelude"},
		TaskRunTemplate: v1.PipelineTaskRunTemplate{PodTemplate: podTemplate(t, "")},
		Workspaces:      []v1.WorkspaceBinding{{Name: "build", PersistentVolumeClaim: build}},
	}}
	for name, value := range map[string]string{
		"APP_IMAGE": w.registry + "/prelude/app", "CNB_BUILDER_IMAGE": w.builder.name, "CNB_RUN_IMAGE": w.registry + "/prelude/run:12",
		"BUILDAH_IMAGE": w.buildah.name, "TLS_VERIFY": "false",
	} {
		run.Spec.Params = append(run.Spec.Params, v1.Param{Name: name, Value: *v1.NewStructuredValues(value)})
	}
	run.SetDefaults(t.Context())
	if err := run.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := newCluster(t, n, tekton.Data{Tasks: tasks, Pipelines: []*v1.Pipeline{line}, PipelineRuns: []*v1.PipelineRun{run}})
	return c, c.runPipeline("line")
}

func resultsOf(run *v1.PipelineRun) map[string]string {
	results := map[string]string{}
	for _, r := range run.Status.Results {
		results[r.Name] = r.Value.StringVal
	}
	return results
}

// noExtensions: where no extension takes part no image is extended, and the target is that of the builder.
func (w *world) noExtensions(t *testing.T) {
	n, layers := w.node(t, map[string]string{"Procfile": "web: serve"})
	c, run := w.pipeline(t, n)
	c.demand("line", &run.Status, corev1.ConditionTrue)
	path := filepath.Join(layers, "analyzed.toml")
	text, err := os.ReadFile(path)
	check(t, err)
	analyzed, err := platform.ParseAnalyzed(path, text)
	check(t, err)
	want := buildpack.Target{OS: "linux", Arch: runtime.GOARCH, Distros: []buildpack.Distro{{Name: "debian", Version: "12"}}}
	if got := analyzed.RunImage.Target; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	var skipped []string
	for _, s := range run.Status.SkippedTasks {
		skipped = append(skipped, s.Name+": "+string(s.Reason))
	}
	if want := []string{"extend-build-image: " + string(v1.WhenExpressionsSkip), "extend-run-image: " + string(v1.WhenExpressionsSkip)}; !slices.Equal(skipped, want) {
		t.Errorf("%q, want %q", skipped, want)
	}
	if got, want := resultsOf(run), map[string]string{"RUN_IMAGE": w.registry + "/prelude/run:12"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// extend runs the whole Pipeline, against a registry, and looks at what is pushed.
func (w *world) extend(t *testing.T) {
	n, layers := w.node(t, map[string]string{"package.json": `{"scripts": {"start": "node server.js"}}`, "runtime.conf": "trust = internal-ca\n"})
	c, run := w.pipeline(t, n)
	c.demand("line", &run.Status, corev1.ConditionTrue)
	extended := resultsOf(run)["EXTENDED_RUN_IMAGE"]
	if !strings.HasPrefix(extended, w.registry+"/prelude/app-extended-run@sha256:") {
		t.Fatalf("EXTENDED_RUN_IMAGE is %q\n%s", extended, c.logs)
	}
	for _, image := range []string{extended, w.registry + "/prelude/app-extended-build"} {
		ref, err := name.ParseReference(image)
		check(t, err)
		pushed, err := remote.Image(ref)
		check(t, err)
		config, err := pushed.ConfigFile()
		check(t, err)
		if config.Config.User != "1001:1002" || !slices.ContainsFunc(config.Config.Env, func(v string) bool { return strings.HasSuffix(v, "/internal-ca.crt") }) {
			t.Errorf("%s: %+v", image, config)
		}
	}
	// The phases after it find the extended image in analyzed.toml.
	analyzed, err := os.ReadFile(filepath.Join(layers, "analyzed.toml"))
	if err != nil || !strings.Contains(string(analyzed), "reference = \""+extended+"\"") {
		t.Errorf("%v\n%s", err, analyzed)
	}
	for _, child := range run.Status.ChildReferences {
		pod, level := c.pod(c.taskRun(child.Name).Status.PodName), api.LevelRestricted
		if child.PipelineTaskName != "detect-and-generate" {
			level = api.LevelPrivileged // a seccomp profile that lets buildah make a user namespace
			if got, want := pod.Spec.Containers[0].SecurityContext.Capabilities.Add, []corev1.Capability{"SETUID", "SETGID", "SETFCAP"}; !slices.Equal(got, want) {
				t.Errorf("%s: capabilities %v, want %v", pod.Name, got, want)
			}
		}
		demandLevel(t, pod, level)
	}
}

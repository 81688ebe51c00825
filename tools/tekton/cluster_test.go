package tekton

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tektoncd/pipeline/pkg/apis/config"
	"github.com/tektoncd/pipeline/pkg/apis/pipeline"
	"github.com/tektoncd/pipeline/pkg/apis/pipeline/pod"
	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	_ "github.com/tektoncd/pipeline/pkg/pipelinerunmetrics/fake" // controllers count what they do
	"github.com/tektoncd/pipeline/pkg/reconciler/pipelinerun"
	"github.com/tektoncd/pipeline/pkg/reconciler/taskrun"
	tektontesting "github.com/tektoncd/pipeline/pkg/reconciler/testing"
	_ "github.com/tektoncd/pipeline/pkg/taskrunmetrics/fake"
	tekton "github.com/tektoncd/pipeline/test"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"knative.dev/pkg/apis"
	cminformer "knative.dev/pkg/configmap/informer"
	"knative.dev/pkg/controller"
	"knative.dev/pkg/logging"
	"knative.dev/pkg/reconciler"
	"knative.dev/pkg/system"
	_ "knative.dev/pkg/system/testing" // names the namespace of the controllers
	"sigs.k8s.io/yaml"
)

const namespace = "builds"

// object is what Tekton's webhook does with an object of its API: it fills in the defaults, then judges.
type object interface {
	SetDefaults(context.Context)
	Validate(context.Context) *apis.FieldError
}

// admit reads an object, in which no field may be unknown, as an API server with Tekton's webhook does.
func admit(ctx context.Context, text []byte, into object) error {
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		return err
	}
	into.SetDefaults(ctx)
	if err := into.Validate(ctx); err != nil {
		return err
	}
	return nil
}

// read reads a file of deploy/tekton. Changes are pairs of what to replace, and by what.
func read[T any, P interface {
	*T
	object
}](t *testing.T, file string, changes ...string) P {
	t.Helper()
	text, err := os.ReadFile("../../deploy/tekton/" + file)
	check(t, err)
	of := P(new(T))
	if err := admit(t.Context(), []byte(strings.NewReplacer(changes...).Replace(string(text))), of); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return of
}

// podTemplate is deploy/tekton/pod-template.yaml, with a line more.
func podTemplate(t *testing.T, more string) *pod.Template {
	t.Helper()
	text, err := os.ReadFile("../../deploy/tekton/pod-template.yaml")
	check(t, err)
	var template pod.Template
	check(t, yaml.UnmarshalStrict(append(text, "  "+more+"\n"...), &template))
	return &template
}

// cluster is Tekton's controllers, with a client that keeps objects in memory, and a node.
type cluster struct {
	*testing.T
	ctx              context.Context
	clients          tekton.Clients
	tasks, pipelines *controller.Impl
	node             *node
	logs             map[string]map[string]string // of containers, by the name of their TaskRun
}

// toolImages are those that Tekton brings into a pod.
var toolImages = pipeline.Images{
	EntrypointImage: "registry.example/tekton/entrypoint:1", ShellImage: "registry.example/tekton/shell:1",
	NopImage: "none", SidecarLogResultsImage: "none", ShellImageWin: "none", WorkingDirInitImage: "none",
}

// newCluster starts the controllers. Pods that Tekton makes must keep the rules of restricted namespaces.
func newCluster(t *testing.T, n *node, objects tekton.Data) *cluster {
	t.Helper()
	ctx, _ := tektontesting.SetupFakeContext(t)
	ctx = tektontesting.SetupFakeCloudClientContext(ctx, 1000)
	ctx, cancel := context.WithCancel(logging.WithLogger(ctx, zap.NewNop().Sugar())) // they say all that they do
	t.Cleanup(cancel)
	objects.ServiceAccounts = []*corev1.ServiceAccount{{ObjectMeta: metav1.ObjectMeta{Name: "default", Namespace: namespace}}}
	objects.ConfigMaps = []*corev1.ConfigMap{{
		ObjectMeta: metav1.ObjectMeta{Name: config.GetFeatureFlagsConfigName(), Namespace: system.Namespace()},
		Data:       map[string]string{"set-security-context": "true"},
	}}
	tekton.EnsureConfigurationConfigMapsExist(&objects)
	clients, _ := tekton.SeedTestData(t, ctx, objects)
	watcher := cminformer.NewInformedWatcher(clients.Kube, system.Namespace())
	options := &pipeline.Options{Images: toolImages}
	c := &cluster{T: t, ctx: ctx, clients: clients, node: n, logs: map[string]map[string]string{}}
	c.tasks = taskrun.NewController(options, clock.RealClock{})(ctx, watcher)
	c.pipelines = pipelinerun.NewController(options, clock.RealClock{})(ctx, watcher)
	check(t, watcher.Start(ctx.Done()))
	for _, of := range []*controller.Impl{c.tasks, c.pipelines} {
		check(t, of.Reconciler.(reconciler.LeaderAware).Promote(reconciler.UniversalBucket(), func(reconciler.Bucket, types.NamespacedName) {}))
	}
	return c
}

// reconcile has a controller look at an object. What is wrong with that it writes into its status.
func (c *cluster) reconcile(of *controller.Impl, name string) {
	c.Helper()
	err := of.Reconciler.Reconcile(c.ctx, namespace+"/"+name)
	if requeue, _ := controller.IsRequeueKey(err); err != nil && !requeue && !controller.IsPermanentError(err) {
		c.Fatalf("%s: %v", name, err)
	}
}

// runTask runs a Task to its end.
func (c *cluster) runTask(name string) *v1.TaskRun {
	c.Helper()
	c.reconcile(c.tasks, name)
	if run := c.taskRun(name); run.Status.PodName != "" && !run.IsDone() {
		c.runPod(name, run.Status.PodName)
	}
	run := c.taskRun(name)
	if !run.IsDone() {
		c.Fatalf("%s is not done: %v", name, run.Status.GetCondition(apis.ConditionSucceeded))
	}
	return run
}

// runPod runs the pod that Tekton has made for a TaskRun, and tells Tekton what becomes of it.
func (c *cluster) runPod(task, name string) {
	c.Helper()
	started := c.node.start(c.T, c.pod(name))
	c.setStatus(name, corev1.PodStatus{Phase: started.status.Phase})
	c.reconcile(c.tasks, task) // it allows the first step to start
	check(c.T, started.refresh(c.pod(name)))
	c.setStatus(name, started.wait())
	c.logs[task] = started.said
	c.reconcile(c.tasks, task)
	c.reconcile(c.tasks, task)
}

func (c *cluster) pod(name string) *corev1.Pod {
	c.Helper()
	made, err := c.clients.Kube.CoreV1().Pods(namespace).Get(c.ctx, name, metav1.GetOptions{})
	check(c.T, err)
	return made
}

func (c *cluster) setStatus(name string, status corev1.PodStatus) {
	c.Helper()
	of := c.pod(name)
	of.Status = status
	_, err := c.clients.Kube.CoreV1().Pods(namespace).UpdateStatus(c.ctx, of, metav1.UpdateOptions{})
	check(c.T, err)
}

func (c *cluster) taskRun(name string) *v1.TaskRun {
	c.Helper()
	run, err := c.clients.Pipeline.TektonV1().TaskRuns(namespace).Get(c.ctx, name, metav1.GetOptions{})
	check(c.T, err)
	return run
}

// runPipeline runs a Pipeline to its end, with all the TaskRuns that its controller makes.
func (c *cluster) runPipeline(name string) *v1.PipelineRun {
	c.Helper()
	for range 10 {
		c.reconcile(c.pipelines, name)
		run, err := c.clients.Pipeline.TektonV1().PipelineRuns(namespace).Get(c.ctx, name, metav1.GetOptions{})
		check(c.T, err)
		if run.IsDone() {
			return run
		}
		tasks, err := c.clients.Pipeline.TektonV1().TaskRuns(namespace).List(c.ctx, metav1.ListOptions{})
		check(c.T, err)
		for _, task := range tasks.Items {
			if !task.IsDone() {
				c.runTask(task.Name)
			}
		}
	}
	c.Fatalf("%s does not end", name)
	return nil
}

// demand demands that a run came to the end that is wanted, and shows what its containers said if not.
func (c *cluster) demand(name string, status interface {
	GetCondition(apis.ConditionType) *apis.Condition
}, want corev1.ConditionStatus) {
	c.Helper()
	if got := status.GetCondition(apis.ConditionSucceeded); got == nil || got.Status != want {
		c.Fatalf("%s: %v, want %s\n%s", name, got, want, fmt.Sprint(c.logs))
	}
}

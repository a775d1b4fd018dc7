// Starts containers of the bench through containerd's own client, much faster than `ctr run` would: all of one shim each
// `group`, with the labels of Pods that the observer reads. Steps are lines on standard input, each answered by a line when it
// is done: "create COUNT" makes them ready to start, "start RATE" starts these (a second; 0: as fast as it goes), and the end
// of the input kills and removes all.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"sync"
	"time"

	"github.com/containerd/containerd/api/types/runc/options"
	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/pkg/oci"
)

type starter struct {
	client  *containerd.Client
	image   containerd.Image
	prefix  string
	runtime string
	group   int
	mutex   sync.Mutex
	tasks   []containerd.Task
	started int
}

func main() {
	address := flag.String("address", "", "containerd's socket")
	imageName := flag.String("image", "", "an image that is there")
	prefix := flag.String("prefix", "", "containers are named PREFIX-0 and so on")
	runtime := flag.String("runtime", "", "runtime in place of runc")
	group := flag.Int("group", 50, "containers that share a shim, as those of a Pod do")
	flag.Parse()
	ctx := namespaces.WithNamespace(context.Background(), "k8s.io")
	client, err := containerd.New(*address)
	check(err)
	image, err := client.GetImage(ctx, *imageName)
	check(err)
	s := &starter{client: client, image: image, prefix: *prefix, runtime: *runtime, group: *group}
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		began := time.Now()
		var count int
		var rate float64
		if _, err := fmt.Sscanf(lines.Text(), "create %d", &count); err == nil {
			from := len(s.tasks)
			// The first of each group alone: two at once would both start its shim.
			for turn := range count {
				if (from+turn)%s.group == 0 {
					check(s.create(ctx, from+turn))
				}
			}
			each(count, 0, func(turn int) {
				if (from+turn)%s.group != 0 {
					check(s.create(ctx, from+turn))
				}
			})
		} else if _, err := fmt.Sscanf(lines.Text(), "start %f", &rate); err == nil {
			ready := s.tasks[s.started:]
			each(len(ready), rate, func(turn int) { check(ready[turn].Start(ctx)) })
			s.started = len(s.tasks)
		}
		fmt.Printf("%.3f\n", time.Since(began).Seconds())
	}
	each(len(s.tasks), 0, func(turn int) { s.remove(ctx, s.tasks[turn]) })
}

// Calls work for 0 to count-1, eight at a time at most and `rate` a second (0: as fast as it goes).
func each(count int, rate float64, work func(turn int)) {
	due := make(chan int)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for turn := range due {
				work(turn)
			}
		})
	}
	began := time.Now()
	for turn := range count {
		if rate > 0 {
			time.Sleep(time.Until(began.Add(time.Duration(float64(turn) / rate * float64(time.Second)))))
		}
		due <- turn
	}
	close(due)
	all.Wait()
}

func (s *starter) create(ctx context.Context, number int) error {
	id := fmt.Sprintf("%s-%d", s.prefix, number)
	labels := map[string]string{
		"io.kubernetes.pod.namespace": "bench", "io.kubernetes.pod.name": "pod-" + id, "io.kubernetes.pod.uid": "uid-" + id, "io.kubernetes.container.name": "bench",
	}
	annotations := map[string]string{"io.containerd.runc.v2.group": fmt.Sprintf("%s-group-%d", s.prefix, number/s.group)}
	container, err := s.client.NewContainer(ctx, id,
		containerd.WithImage(s.image), containerd.WithNewSnapshot(id, s.image), containerd.WithContainerLabels(labels),
		containerd.WithRuntime("io.containerd.runc.v2", &options.Options{BinaryName: s.runtime}),
		containerd.WithNewSpec(oci.WithProcessArgs("/wait"), oci.WithAnnotations(annotations)),
	)
	if err != nil {
		return err
	}
	task, err := container.NewTask(ctx, cio.NullIO)
	if err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.tasks = append(s.tasks, task)
	return nil
}

// Errors are only told: what is left goes away with containerd's folder.
func (s *starter) remove(ctx context.Context, task containerd.Task) {
	if _, err := task.Delete(ctx, containerd.WithProcessKill); err != nil {
		log.Print(err)
	}
	if container, err := s.client.LoadContainer(ctx, task.ID()); err == nil {
		_ = container.Delete(ctx, containerd.WithSnapshotCleanup)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

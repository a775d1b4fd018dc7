// Asks webhooks as the API server does, which is a Go program too, and prints what it saw as JSON. In Go also because a client in
// Node costs as much as the servers that it is to measure, and so would measure itself.
// Arguments: ports (with commas), file of reviews, requests, rate a second (0: as fast as it goes), connections.
package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var (
	denied, failed atomic.Int64
	client         *http.Client
)

func ask(port, review string) {
	response, err := client.Post("https://127.0.0.1:"+port+"/validate?timeout=5s", "application/json", strings.NewReader(review))
	if err != nil {
		failed.Add(1)
		return
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		failed.Add(1)
	} else if !bytes.Contains(body, []byte(`"allowed":true`)) {
		denied.Add(1)
	}
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return value
}

func main() {
	ports, total, rate, connections := strings.Split(os.Args[1], ","), number(os.Args[3]), number(os.Args[4]), number(os.Args[5])
	text, err := os.ReadFile(os.Args[2])
	var reviews []string
	if err != nil || json.Unmarshal(text, &reviews) != nil {
		panic("no reviews in " + os.Args[2])
	}
	each := (connections + len(ports) - 1) / len(ports)
	client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxConnsPerHost: each, MaxIdleConnsPerHost: each}}
	times := make([]time.Duration, total)
	start := time.Now()
	var running sync.WaitGroup
	if rate == 0 {
		var next atomic.Int64
		for range connections {
			running.Go(func() {
				for at := int(next.Add(1)) - 1; at < total; at = int(next.Add(1)) - 1 {
					begun := time.Now()
					ask(ports[at%len(ports)], reviews[at%len(reviews)])
					times[at] = time.Since(begun)
				}
			})
		}
	} else {
		for at := range total {
			// A request's time runs from when it was due: a server that stalls does not get fewer.
			due := start.Add(time.Duration(at) * time.Second / time.Duration(rate))
			time.Sleep(time.Until(due))
			running.Go(func() {
				ask(ports[at%len(ports)], reviews[at%len(reviews)])
				times[at] = time.Since(due)
			})
		}
	}
	running.Wait()
	perSecond := float64(total) / time.Since(start).Seconds()
	slices.Sort(times)
	ms := func(part float64) float64 {
		return float64(times[min(total-1, int(float64(total)*part))].Microseconds()) / 1000
	}
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"perSecond": perSecond, "p50": ms(0.5), "p95": ms(0.95), "p99": ms(0.99), "p999": ms(0.999), "denied": denied.Load(), "failed": failed.Load(),
	})
	if failed.Load() == int64(total) {
		fmt.Fprintln(os.Stderr, "nothing was answered")
		os.Exit(1)
	}
}

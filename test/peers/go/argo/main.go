// argo is what Argo CD keeps its cache in, beside Argo CD itself (github.com/argoproj/argo-cd/v3/cmd, built with it): a
// server that speaks as Redis does, in memory, on the address given. Argo CD's own tests use the same.
package main

import (
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/alicebob/miniredis/v2"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: argo ADDRESS")
	}
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr(os.Args[1]); err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	fmt.Println("listening on", server.Addr())
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
}

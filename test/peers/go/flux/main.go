// flux pulls an OCI artifact as Flux does (fluxcd/pkg/oci) and unpacks its first layer into a folder:
//
//	flux REGISTRY/REPOSITORY:TAG|@DIGEST FOLDER
//
// Writes what Flux reads of the artifact's annotations, as one JSON object. A registry on loopback is spoken to in plain HTTP.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"

	"github.com/fluxcd/pkg/oci"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: flux REFERENCE FOLDER")
	}
	metadata, err := oci.NewClient(oci.DefaultOptions()).Pull(context.Background(), os.Args[1], os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(metadata); err != nil {
		log.Fatal(err)
	}
}

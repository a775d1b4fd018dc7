// argocd pulls an OCI artifact as Argo CD's repo server does (argo-cd/v3/util/oci, with the repo server's default list of
// layer types) and leaves what it unpacked in a folder that does not exist yet:
//
//	argocd oci://REGISTRY/REPOSITORY REVISION FOLDER
//
// The revision is a tag, a digest or a semantic version constraint. Writes the digest that it resolved to, and what Argo CD
// shows of the artifact, as one JSON object. Speaks plain HTTP.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"

	"github.com/argoproj/argo-cd/v3/util/io"
	"github.com/argoproj/argo-cd/v3/util/oci"
)

// The defaults of argocd-repo-server's --oci-layer-media-types and --oci-manifest-max-extracted-size.
var layerTypes = []string{
	"application/vnd.oci.image.layer.v1.tar",
	"application/vnd.oci.image.layer.v1.tar+gzip",
	"application/vnd.cncf.helm.chart.content.v1.tar+gzip",
}

const extractedSizeMax = 1 << 30

type pulled struct {
	Digest      string            `json:"digest"`
	Annotations map[string]string `json:"annotations"`
}

// The client calls every handler it has been given a place for.
func silent() oci.EventHandlers {
	done := func(string) func() { return func() {} }
	failed := func(string) func(string) { return func(string) {} }
	return oci.EventHandlers{
		OnExtract: done, OnResolveRevision: done, OnDigestMetadata: done, OnTestRepo: done, OnGetTags: done,
		OnExtractFail: failed, OnResolveRevisionFail: failed, OnDigestMetadataFail: failed, OnTestRepoFail: done, OnGetTagsFail: done,
	}
}

func pull(url, revision, folder string) (*pulled, error) {
	cache, err := os.MkdirTemp("", "argocd-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(cache)
	// The client unpacks below the folder for temporary files, and moves from there.
	if err := os.Setenv("TMPDIR", cache); err != nil {
		return nil, err
	}
	client, err := oci.NewClient(url, oci.Creds{InsecureHTTPOnly: true}, "", "", layerTypes,
		oci.WithImagePaths(io.NewRandomizedTempPaths(cache)),
		oci.WithManifestMaxExtractedSize(extractedSizeMax), oci.WithEventHandlers(silent()))
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	digest, err := client.ResolveRevision(ctx, revision, true)
	if err != nil {
		return nil, err
	}
	metadata, err := client.DigestMetadata(ctx, digest)
	if err != nil {
		return nil, err
	}
	unpacked, closer, err := client.Extract(ctx, digest)
	if err != nil {
		return nil, err
	}
	defer io.Close(closer)
	return &pulled{digest, metadata.Annotations}, os.CopyFS(folder, os.DirFS(unpacked))
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: argocd URL REVISION FOLDER")
	}
	result, err := pull(os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		log.Fatal(err)
	}
}

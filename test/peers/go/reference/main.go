// reference reads image references, one JSON string a line, as containerd does before it pulls
// (internal/cri/server/images/image_pull.go), and writes what it read: an object a line, or null where it refuses.
package main

import (
	"bufio"
	// Digests by these are valid only where they are linked in, as they are in containerd.
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/json"
	"os"

	"github.com/distribution/reference"
)

type parts struct {
	Domain string `json:"domain"`
	Path   string `json:"path"`
	Name   string `json:"name"`
	Tag    string `json:"tag,omitempty"`
	Digest string `json:"digest,omitempty"`
}

func read(text string) *parts {
	named, err := reference.ParseDockerRef(text)
	if err != nil {
		return nil
	}
	found := &parts{Domain: reference.Domain(named), Path: reference.Path(named), Name: named.Name()}
	if tagged, ok := named.(reference.Tagged); ok {
		found.Tag = tagged.Tag()
	}
	if digested, ok := named.(reference.Digested); ok {
		found.Digest = digested.Digest().String()
	}
	return found
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var text string
		if err := json.Unmarshal(lines.Bytes(), &text); err != nil {
			panic(err)
		}
		if err := out.Encode(read(text)); err != nil {
			panic(err)
		}
	}
	if err := lines.Err(); err != nil {
		panic(err)
	}
}

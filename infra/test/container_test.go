package test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// dockerfile reads the Dockerfile as buildkit does, and lets its linter look.
func dockerfile(t *testing.T) []instructions.Stage {
	t.Helper()
	text, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	result, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range result.Warnings {
		t.Errorf("Dockerfile: %s", w.Short)
	}
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, message string, at []parser.Range) {
		t.Errorf("Dockerfile: %s: %s %v", rule, message, at)
	}})
	stages, _, err := instructions.Parse(result.AST, lint)
	if err != nil {
		t.Fatal(err)
	}
	return stages
}

func TestDockerfile(t *testing.T) {
	t.Parallel()
	stages := dockerfile(t)
	for _, s := range stages {
		if _, tag, _ := strings.Cut(s.BaseName, ":"); s.BaseName != "scratch" && strings.Count(tag, ".") < 2 {
			t.Errorf("the base image %s is not pinned", s.BaseName)
		}
	}
	last := stages[len(stages)-1]
	if last.BaseName != "scratch" {
		t.Errorf("the image is made of %s, not from nothing", last.BaseName)
	}
	var user string
	var health []string
	for _, c := range last.Commands {
		switch c := c.(type) {
		case *instructions.UserCommand:
			user = c.User
		case *instructions.HealthCheckCommand:
			health = c.Health.Test
		}
	}
	if user != "65532:65532" {
		t.Errorf("the program runs as %q", user)
	}
	if !slices.Equal(health, []string{"CMD", "/core", "health"}) {
		t.Errorf("the health check is %q", health)
	}
}

var (
	// image is the directory of the image's file system, which is built once.
	image    = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "core-image-") })
	building sync.Mutex
)

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := image(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// imageRoot returns a copy of the image's file system.
func imageRoot(t *testing.T) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	dir, err := image()
	if err != nil {
		t.Fatal(err)
	}
	built := filepath.Join(dir, "root")
	if _, err := os.Stat(filepath.Join(built, "core")); err != nil {
		buildRoot(t, built)
	}
	root := filepath.Join(t.TempDir(), "root")
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", built, root).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return root
}

// buildRoot makes the file system of the image, by the commands of the Dockerfile.
func buildRoot(t *testing.T, root string) {
	t.Helper()
	built := false
	for _, c := range dockerfile(t)[0].Commands {
		run, ok := c.(*instructions.RunCommand)
		if !ok || !strings.Contains(strings.Join(run.CmdLine, " "), "/root-fs") {
			continue // downloads, which this machine has
		}
		script := strings.ReplaceAll(strings.Join(run.CmdLine, " "), "/root-fs", root)
		cmd := exec.CommandContext(t.Context(), "sh", "-ec", script)
		cmd.Dir = "../.."
		cmd.Env = append(os.Environ(), "TARGETOS="+runtime.GOOS, "TARGETARCH="+runtime.GOARCH, "PACKAGE=./cmd/core", "GOFLAGS=")
		if os.Geteuid() != 0 { // who may not give files away runs the program as itself
			cmd.Args[2] = strings.ReplaceAll(script, "chown -R 65532:65532", "chmod -R u+rwX")
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
		built = true
	}
	if !built {
		t.Fatal("the Dockerfile puts nothing into /root-fs")
	}
	if err := os.Chmod(root, 0o755); err != nil { //nolint:gosec // as the root of an image
		t.Fatal(err)
	}
}

// inRoot runs the program with nothing around it but that root, and as the image's user where this one may choose.
func inRoot(t *testing.T, root string, env []string, args ...string) *exec.Cmd {
	t.Helper()
	env = append(env, "CORE_STATE_DIR=/var/lib/core")
	if os.Geteuid() == 0 {
		cmd := exec.CommandContext(t.Context(), "chroot", append([]string{"--userspec=65532:65532", root, "/core"}, args...)...)
		cmd.Env = env
		return cmd
	}
	cmd := exec.CommandContext(t.Context(), "unshare", append([]string{"--map-root-user", "chroot", root, "/core"}, args...)...)
	cmd.Env = env
	return cmd
}

func TestImageNeedsNothing(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the image is for Linux")
	}
	root := imageRoot(t)
	for _, args := range [][]string{{"version"}, {"manifest"}, {"schedules", "--help"}} {
		if out, err := inRoot(t, root, nil, args...).CombinedOutput(); err != nil || len(out) == 0 {
			t.Errorf("core %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")); err != nil {
		t.Errorf("no certificates: %v", err)
	}
}

func project(t *testing.T, file string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join("../..", file)}, cli.WithoutEnvironmentResolution, cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	p, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestComposeFiles(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"compose.yaml", "compose.local.yaml", "localstack/compose.yaml"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			p := project(t, file)
			for name, s := range p.Services {
				if _, tag, found := strings.Cut(s.Image, ":"); !found || tag == "latest" {
					t.Errorf("the image %q of %s is not pinned", s.Image, name)
				}
				for _, port := range s.Ports {
					if port.HostIP != "127.0.0.1" {
						t.Errorf("%s listens on %q: a laptop is no server", name, port.HostIP)
					}
				}
			}
			if worker, ok := p.Services["worker"]; ok && (worker.GetScale() != 2 || !slices.Contains(worker.Command, "4")) {
				t.Errorf("there are %d workers with %q, want two with a concurrency of 4", worker.GetScale(), worker.Command)
			}
		})
	}
}

// Package test checks what deploys the toolkit (the manifest's schema, containers, Terraform) with the libraries that
// read such files for a living. It is a module of its own, so that users of the toolkit resolve none of them.
package test

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/coretasks/core/examples/reports"
	"github.com/coretasks/core/manifest"
	"github.com/coretasks/core/tasks"
)

func TestManifestSchema(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/manifest.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	run := func(context.Context) error { return nil }
	m, err := manifest.Of(tasks.NewRegistry(reports.Generate,
		tasks.Periodic("cleanup", run, tasks.Cron("30 3 1 * 5"), tasks.In("America/Sao_Paulo")),
		tasks.Periodic("tick", run, tasks.Every(10*time.Second), tasks.From(time.Now()), tasks.Until(time.Now().Add(time.Hour)))))
	if err != nil {
		t.Fatal(err)
	}
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	decode := func(data []byte) map[string]any {
		var value map[string]any
		if err := json.Unmarshal(data, &value); err != nil {
			t.Fatal(err)
		}
		return value
	}
	if err := resolved.Validate(decode(data)); err != nil {
		t.Errorf("the manifest does not follow the schema: %v\n%s", err, data)
	}
	// Each member that there is must be described, and each that is required must matter.
	for list, name := range map[string]string{"queues": "queue", "tasks": "task", "schedules": "schedule"} {
		value := decode(data)
		items, ok := value[list].([]any)
		if !ok || len(items) == 0 {
			t.Errorf("there are no %s", list)
			continue
		}
		first, last := items[0].(map[string]any), items[len(items)-1].(map[string]any)
		for member := range last {
			if schema.Defs[name].Properties[member] == nil {
				t.Errorf("the schema does not describe %s.%s", name, member)
			}
		}
		for _, member := range schema.Defs[name].Required {
			kept := first[member]
			delete(first, member)
			if resolved.Validate(value) == nil {
				t.Errorf("a %s without %s is accepted", name, member)
			}
			first[member] = kept
		}
	}
}

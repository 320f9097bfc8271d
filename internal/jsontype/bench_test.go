package jsontype_test

import "testing"

// BenchmarkValidate checks parameters of the usual size.
func BenchmarkValidate(b *testing.B) {
	d := described[struct {
		UserID int64  `json:"user_id"`
		Kind   string `json:"kind"`
	}](b)
	text := []byte(`{"user_id":1,"kind":"monthly"}`)
	b.ReportAllocs()
	for b.Loop() {
		if problems := d.Validate(text, false); problems != nil {
			b.Fatal(problems)
		}
	}
}

package phase

import (
	"errors"
	"log/slog"
	"reflect"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/platform"
)

// CheckLayout refuses, allows or warns of images as OCI layouts, an experimental feature, if the inputs ask for it.
func CheckLayout(in platform.Inputs, log *slog.Logger) error {
	if !in.UseLayout {
		return nil
	}
	if err := AllowExperimental(in.ExperimentalMode, "export to OCI layout format", log); err != nil {
		return err
	}
	if in.LayoutDir == "" {
		return platform.WithHint(errors.New("OCI layouts need a layout directory"), "set CNB_LAYOUT_DIR or -layout-dir to the directory with the images")
	}
	return nil
}

// withLayoutTarget is what analyzed.toml says and, in layout mode where it does not say what the run image's target is,
// what the image itself says. What is written later is not changed by that.
func withLayoutTarget(in platform.Inputs, a platform.Analyzed, log *slog.Logger) (platform.Analyzed, error) {
	if !in.UseLayout || !a.NamesRunImage() || !reflect.DeepEqual(a.RunImage.Target, buildpack.Target{}) {
		return a, nil
	}
	image, err := FindLayout(in.LayoutDir, log, a.RunImage.Reference, a.RunImage.Image)
	if err != nil || image == nil {
		return a, err
	}
	a.RunImage.Target = image.Target
	return a, nil
}

// FindLayout finds the first of these images, names of the same one, that is in the layout directory. None is a warning, and
// nil. A layout that cannot be read is an error.
func FindLayout(dir string, log *slog.Logger, images ...string) (*platform.LayoutImage, error) {
	var missing *platform.NoLayoutError
	for _, image := range images {
		if image == "" {
			continue
		}
		found, err := platform.ReadLayout(dir, image)
		if err == nil {
			return &found, nil
		}
		if !errors.As(err, &missing) {
			return nil, err
		}
	}
	if missing != nil {
		log.Warn(missing.Error())
	}
	return nil, nil
}

package tekton

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	corev1 "k8s.io/api/core/v1"
)

// makeVolume makes a volume of a pod. All of them belong to the pod's group.
func (r *running) makeVolume(v corev1.Volume) error {
	dir := filepath.Join(r.dir, "volumes", v.Name)
	r.volumes[v.Name] = dir
	switch {
	case v.EmptyDir != nil:
		return share(dir, r.group, 0o777)
	case v.PersistentVolumeClaim != nil:
		claim, ok := r.claims[v.PersistentVolumeClaim.ClaimName]
		if !ok {
			return fmt.Errorf("there is no claim %s", v.PersistentVolumeClaim.ClaimName)
		}
		r.volumes[v.Name] = claim
		return shareAll(claim, r.group)
	case v.Secret != nil:
		keys, ok := r.secrets[v.Secret.SecretName]
		if !ok {
			return fmt.Errorf("there is no secret %s", v.Secret.SecretName)
		}
		if err := share(dir, r.group, 0o777); err != nil {
			return err
		}
		return project(dir, keys)
	case v.DownwardAPI != nil:
		if err := share(dir, r.group, 0o777); err != nil {
			return err
		}
		return r.tell(v)
	}
	return fmt.Errorf("this kind is not imitated here: %v", v)
}

// mounted is the directory that a container gets. A directory of a volume that is not there is made, as the volume is.
func (r *running) mounted(m corev1.VolumeMount) (string, error) {
	volume, ok := r.volumes[m.Name]
	dir := filepath.Join(volume, m.SubPath)
	if _, err := os.Stat(dir); !ok || err == nil {
		return dir, err
	}
	info, err := os.Stat(volume)
	if err != nil {
		return "", err
	}
	return dir, share(dir, r.group, info.Mode().Perm())
}

// refresh tells the containers what the pod's annotations are by now.
func (r *running) refresh(pod *corev1.Pod) error {
	r.pod = pod
	for _, v := range pod.Spec.Volumes {
		if v.DownwardAPI != nil {
			if err := r.tell(v); err != nil {
				return err
			}
		}
	}
	return nil
}

var annotation = regexp.MustCompile(`^metadata\.annotations\['(.*)'\]$`)

// tell writes a volume that tells containers about their pod.
func (r *running) tell(v corev1.Volume) error {
	for _, item := range v.DownwardAPI.Items {
		field := annotation.FindStringSubmatch(item.FieldRef.FieldPath)
		if field == nil {
			return fmt.Errorf("%s is not imitated here", item.FieldRef.FieldPath)
		}
		if err := write(filepath.Join(r.volumes[v.Name], item.Path), r.pod.Annotations[field[1]], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// project writes files as a kubelet does, so that all of them can be replaced at once: as links.
func project(dir string, keys map[string]string) error {
	if err := os.Mkdir(filepath.Join(dir, "..1"), 0o755); err != nil {
		return err
	}
	if err := os.Symlink("..1", filepath.Join(dir, "..data")); err != nil {
		return err
	}
	for key, value := range keys {
		if err := write(filepath.Join(dir, "..1", key), value, 0o644); err != nil {
			return err
		}
		if err := os.Symlink("..data/"+key, filepath.Join(dir, key)); err != nil {
			return err
		}
	}
	return nil
}

// write writes a file with just these permissions.
func write(path, text string, mode os.FileMode) error {
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// share makes a directory that belongs to a group.
func share(dir string, group int, mode os.FileMode) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.Chown(dir, 0, group); err != nil {
		return err
	}
	return os.Chmod(dir, mode|os.ModeSetgid)
}

// shareAll gives a volume to a group, with all that is on it.
func shareAll(dir string, group int) error {
	if group == 0 {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		if err := os.Lchown(path, -1, group); err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := info.Mode() | 0o660
		if d.IsDir() {
			mode |= 0o110 | os.ModeSetgid
		}
		return os.Chmod(path, mode)
	})
}

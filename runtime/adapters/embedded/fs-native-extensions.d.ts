declare module 'fs-native-extensions' {
  /** Takes an exclusive lock on an open file; false if another open file has it. It ends with the file or its process. */
  export function tryLock(fd: number): boolean;
}
